-- The tree beside the rows that it proves: full tiles, one head an append, signed checkpoints apart from both.
CREATE TABLE veritrail.merkle_tiles (
    tenant_id  text COLLATE "C" NOT NULL,
    log        text COLLATE "C" NOT NULL,
    epoch      integer NOT NULL,
    level      smallint NOT NULL CHECK (level >= 0),
    tile_index bigint NOT NULL CHECK (tile_index >= 0),
    root       bytea NOT NULL CHECK (octet_length(root) = 32),
    hashes     bytea NOT NULL CHECK (octet_length(hashes) = 8192),
    PRIMARY KEY (tenant_id, log, epoch, level, tile_index)
);
ALTER TABLE veritrail.merkle_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON veritrail.merkle_tiles
    FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change();
COMMENT ON TABLE veritrail.merkle_tiles IS 'Full tiles of 256 hashes (C2SP tlog-tiles), written once.';
COMMENT ON COLUMN veritrail.merkle_tiles.level IS 'Tile level: its hashes are nodes of tree level 8 * level.';
COMMENT ON COLUMN veritrail.merkle_tiles.root IS 'The node above the tile''s 256 hashes.';
COMMENT ON COLUMN veritrail.merkle_tiles.hashes IS '256 hashes of 32 bytes, left to right.';

CREATE TABLE veritrail.tree_heads (
    tenant_id   text COLLATE "C" NOT NULL,
    log         text COLLATE "C" NOT NULL,
    epoch       integer NOT NULL,
    size        bigint NOT NULL CHECK (size >= 0),
    root        bytea NOT NULL CHECK (octet_length(root) = 32),
    frontier    bytea NOT NULL CHECK (octet_length(frontier) % 32 = 0),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, log, epoch, size)
);
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON veritrail.tree_heads
    FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change();
COMMENT ON TABLE veritrail.tree_heads IS 'Size and root of a log after each append: unsigned.';
COMMENT ON COLUMN veritrail.tree_heads.frontier IS 'Compact range from 0 to size: hashes of 32 bytes, left to right.';
COMMENT ON COLUMN veritrail.tree_heads.recorded_at IS 'Stamp of the last event.';

CREATE TABLE veritrail.checkpoints (
    tenant_id    text COLLATE "C" NOT NULL,
    log          text COLLATE "C" NOT NULL,
    epoch        integer NOT NULL,
    size         bigint NOT NULL CHECK (size >= 0),
    root         bytea NOT NULL CHECK (octet_length(root) = 32),
    note         text COLLATE "C" NOT NULL,
    cosignatures text[] COLLATE "C" NOT NULL DEFAULT '{}',
    published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, log, epoch, size)
);
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON veritrail.checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change();
COMMENT ON TABLE veritrail.checkpoints IS 'Signed tree heads (C2SP tlog-checkpoint).';
COMMENT ON COLUMN veritrail.checkpoints.note IS 'The signed note, byte for byte.';
COMMENT ON COLUMN veritrail.checkpoints.cosignatures IS 'Signature lines of witnesses and devices (C2SP tlog-cosignature).';
