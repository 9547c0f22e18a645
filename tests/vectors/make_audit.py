#!/usr/bin/env python3
"""Writes audit.json, the frozen bytes of docs/format.md on the logs `audit` and `changes`: make.py's second half.

It shares canonical JSON, timestamps and the tree with make.py and nothing with the Rust code. It needs Python 3.11 and
the package `cryptography` (Ed25519): python3 make_audit.py > audit.json
"""

import base64
import hashlib
import json
from datetime import datetime, timezone

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from make import hashed_time, instant, jcs, read, root, salted, served_time

AUDIT_LOG_ID = "0d6a2f0e-9d55-4f0b-8a4e-6d2c1f3b5a77"
CHANGES_LOG_ID = "b3c9e1d4-7f26-4c1a-9e80-52a1d7c6f0e9"
AUDIT_PREFIX = b"veritrail/audit/v1\n"
CHANGE_PREFIX = b"veritrail/change/v1\n"
TENANT = "default"
KEY_NAME = "example.com/veritrail/audit"
SEED = bytes(range(32, 64))
CONTEXT = b"veritrail/audit-entry/v1\n"
KEY_TYPE = b"\xffveritrail/audit-entry/v1"
KNOWN = {"action", "archivedAt", "changes", "correlationId", "dataClassification", "details", "entityGuid", "eventGuid",
         "eventVersion", "guid", "hash", "hashAlgorithm", "organizationId", "outcomeDescription", "principalId",
         "processingLatency", "retentionPolicy", "signature", "status", "targetResourceId", "targetResourceType",
         "timestamp", "ttl", "userId"}
# Members that are bound, and served, as they are received.
PLAIN = ("guid", "action", "eventGuid", "entityGuid", "organizationId", "targetResourceType", "targetResourceId", "ttl",
         "eventVersion", "correlationId", "dataClassification", "retentionPolicy")


def salts(log, position):
    return {part: hashlib.sha256(f"{log}: {part} salt of {position}".encode()).digest()[:16]
            for part in (("changes", "details", "envelope") if log == "audit" else ("record", "oldRecord", "envelope"))}


def stamp(position):
    return datetime(2026, 3, 1, 13, 0, position // 3, 250_000 + position % 3, timezone.utc)


def leaf(prefix, salt, envelope):
    commitment = salted(4, salt["envelope"], jcs(envelope))
    entry = prefix + bytes.fromhex(commitment)
    return commitment, entry, hashlib.sha256(b"\0" + entry).hexdigest()


# Audit entries.

def stored_details(entry):
    """The details with the unknown members (as extra) as a member of them; None without any."""
    received = entry.get("details")
    stored = dict(received or {})
    extra = {name: value for name, value in entry.items() if name not in KNOWN}
    if extra:
        stored["extra"] = extra
    return stored if stored or received is not None else None


def served(entry, details):
    """The entry as it is served by a tenant's log, without what the log has added."""
    out = {name: entry[name] for name in PLAIN if entry.get(name) is not None}
    out.setdefault("organizationId", TENANT)
    out["timestamp"] = served_time(instant(entry["timestamp"]))
    out["status"] = entry.get("status") or "success"
    user = entry.get("userId", entry.get("principalId"))
    for name, value in (("userId", user), ("changes", entry.get("changes")),
                        ("outcomeDescription", entry.get("outcomeDescription")),
                        ("processingLatency", entry.get("processingLatency"))):
        if value is not None:
            out[name] = value
    if details is not None:
        kept = {name: value for name, value in details.items() if name != "extra"}
        out.update(details.get("extra", {}))
        if kept or "extra" not in details:
            out["details"] = kept
    return out


def sign(commitment):
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(CONTEXT + SEED).digest())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = hashlib.sha256(KEY_NAME.encode() + b"\n" + KEY_TYPE + public).digest()[:4]
    signature = key.sign(CONTEXT + AUDIT_PREFIX + bytes.fromhex(commitment))
    line = f"{KEY_NAME} {base64.b64encode(key_id + signature).decode()}"
    return line, f"{KEY_NAME}+{key_id.hex()}+{base64.b64encode(KEY_TYPE + public).decode()}"


def audit_vector(position, name, text):
    entry, salt = read(text), salts("audit", position)
    details = stored_details(entry)
    outcome = entry.get("outcomeDescription")
    as_served = served(entry, details)
    envelope = {name: as_served[name] for name in PLAIN if name in as_served}
    envelope |= {
        "v": 1, "logId": AUDIT_LOG_ID, "hashAlgorithm": "SHA-256", "status": as_served["status"],
        "timestamp": hashed_time(instant(entry["timestamp"])), "submittedBy": "https://id.example.com|auditor",
        "recordedAt": hashed_time(stamp(position)),
    }
    if "userId" in as_served:
        envelope["userId"] = as_served["userId"]
    if "processingLatency" in as_served:
        envelope["processingLatency"] = int(as_served["processingLatency"].value)
    if entry.get("changes") is not None:
        envelope["changesHash"] = salted(2, salt["changes"], jcs(entry["changes"]))
    if details is not None or outcome is not None:
        both = {"details": details, "outcomeDescription": outcome}
        both = {name: value for name, value in both.items() if value is not None}
        envelope["detailsHash"] = salted(3, salt["details"], jcs(both))
    commitment, whole, leaf_hash = leaf(AUDIT_PREFIX, salt, envelope)
    return {
        "name": name, "position": position, "input": text, "details": None if details is None else jcs(details),
        "served": jcs(as_served), "salts": "".join(value.hex() for value in salt.values()),
        "submittedBy": envelope["submittedBy"], "recordedAt": envelope["recordedAt"],
        "changesHash": envelope.get("changesHash"), "detailsHash": envelope.get("detailsHash"),
        "envelope": jcs(envelope), "commitment": commitment, "entry": whole.hex(), "leafHash": leaf_hash,
        "signature": sign(commitment)[0],
    }


# Captured row changes.

def change_vector(position, name, change):
    salt = salts("changes", position)
    envelope = {name: value for name, value in change.items() if value is not None and name not in ("record", "oldRecord")}
    envelope |= {"v": 1, "logId": CHANGES_LOG_ID, "recordedAt": hashed_time(stamp(position))}
    # The text is PostgreSQL's own: nothing reads the numbers in it.
    if change.get("record") is not None:
        envelope["recordHash"] = salted(2, salt["record"], change["record"])
    if change.get("oldRecord") is not None:
        envelope["oldRecordHash"] = salted(3, salt["oldRecord"], change["oldRecord"])
    commitment, whole, leaf_hash = leaf(CHANGE_PREFIX, salt, envelope)
    return {
        "name": name, "position": position, "change": change, "salts": "".join(value.hex() for value in salt.values()),
        "recordedAt": envelope["recordedAt"], "recordHash": envelope.get("recordHash"),
        "oldRecordHash": envelope.get("oldRecordHash"), "envelope": jcs(envelope), "commitment": commitment,
        "entry": whole.hex(), "leafHash": leaf_hash,
    }


def main():
    from inputs import AUDIT_ENTRIES, CHANGES

    entries = [audit_vector(position, name, text) for position, (name, text) in enumerate(AUDIT_ENTRIES)]
    changes = [change_vector(position, name, change) for position, (name, change) in enumerate(CHANGES)]
    top = lambda vectors: root([bytes.fromhex(vector["leafHash"]) for vector in vectors]).hex()
    print(json.dumps({
        "about": "Frozen bytes of docs/format.md, written by tests/vectors/make_audit.py. To change one is to change the "
                 "format: it takes a new version there.",
        "key": {"name": KEY_NAME, "seed": SEED.hex(), "verifierKey": sign("00" * 32)[1]},
        "audit": {"format": AUDIT_PREFIX.decode(), "logId": AUDIT_LOG_ID, "tenant": TENANT, "entries": entries,
                  "root": top(entries)},
        "changes": {"format": CHANGE_PREFIX.decode(), "logId": CHANGES_LOG_ID, "entries": changes, "root": top(changes)},
    }, indent=1, ensure_ascii=True))


if __name__ == "__main__":
    main()
