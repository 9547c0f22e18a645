-- Signatures that a checkpoint gets after it was published: of a key that takes over from another one at the same
-- size, and of witnesses. A table of its own, because a checkpoint's row is never changed.
CREATE TABLE veritrail.checkpoint_signatures (
    tenant_id text COLLATE "C" NOT NULL,
    log       text COLLATE "C" NOT NULL,
    epoch     integer NOT NULL,
    size      bigint NOT NULL,
    key_name  text COLLATE "C" NOT NULL,
    key_id    text COLLATE "C" NOT NULL CHECK (key_id ~ '^[0-9a-f]{8}$'),
    line      text COLLATE "C" NOT NULL,
    added_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, log, epoch, size, key_name, key_id)
);
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON veritrail.checkpoint_signatures
    FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change();
SELECT veritrail.isolate('veritrail.checkpoint_signatures', 'SELECT', 'INSERT');
COMMENT ON TABLE veritrail.checkpoint_signatures IS
    'Signature lines that were added to a checkpoint after it was published; its note is served with them.';
COMMENT ON COLUMN veritrail.checkpoint_signatures.key_name IS 'Name of the key that the line claims.';
COMMENT ON COLUMN veritrail.checkpoint_signatures.key_id IS 'Id of that key, in hexadecimal digits.';
COMMENT ON COLUMN veritrail.checkpoint_signatures.line IS
    'The line as it stands in the note: an em dash, the name, the signature in base64; without its newline.';
COMMENT ON COLUMN veritrail.checkpoint_signatures.added_at IS 'When it was added: the order of the lines in the note.';
COMMENT ON COLUMN veritrail.checkpoints.cosignatures IS
    'Not used: signatures that are added later stand in checkpoint_signatures.';
