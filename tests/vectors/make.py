#!/usr/bin/env python3
"""Writes events.json, the frozen bytes of docs/format.md, with an implementation of its own.

Nothing here is shared with the Rust code: canonical JSON, timestamps, hashes, the tree and the signed note are
written a second time from docs/format.md, RFC 8785, RFC 9162 and the C2SP specifications, so that the test
tests/tests/vectors.rs compares two implementations. Running the tests does not need this script; only a change of
the format does. It needs Python 3.11 and the package `cryptography` (Ed25519): python3 make.py > events.json
"""

import base64
import hashlib
import json
import math
import re
from datetime import datetime, timedelta, timezone

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LOG_ID = "6f1c1f5e-3a0c-4c53-9d0e-0b6f3d7a2c11"
KEY_NAME = "example.com/veritrail"
SEED = bytes(range(32))
ENTRY_PREFIX = b"veritrail/event/v1\n"
KNOWN = {"context", "data", "entityGuid", "guid", "metadata", "migratedFrom", "schemaVersion", "syncLevel",
         "timestamp", "type", "userId", "version"}


# Canonical JSON (RFC 8785).

class Number:
    """A number with its own text."""

    def __init__(self, text):
        self.value = float(text)
        mantissa = re.split("[eE]", text)[0].lstrip("-").replace(".", "")
        if math.isinf(self.value):
            raise ValueError(f"{text} is not finite")
        if self.value == 0 and mantissa.strip("0"):
            raise ValueError(f"{text} underflows")
        if re.fullmatch("-?[0-9]+", text):
            if es_number(self.value).lstrip("-") != text.lstrip("-"):
                raise ValueError(f"{text} is an integer that a double does not hold")
        elif len(mantissa.strip("0")) > 17:
            raise ValueError(f"{text} has more than 17 digits")


def es_number(value):
    """ECMAScript's Number::toString (ECMA-262, section 6.1.6.1.20), from the digits of Python's repr."""
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    match = re.fullmatch(r"(\d+)(?:\.(\d+))?(?:e([+-]\d+))?", repr(abs(value)))
    whole, fraction, exponent = match[1], match[2] or "", int(match[3] or 0)
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + exponent - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    mantissa = digits[0] + ("." + digits[1:] if count > 1 else "")
    return f"{sign}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def pairs(members):
    if len({name for name, _ in members}) < len(members):
        raise ValueError("a member stands twice")
    return dict(members)


def no_constant(text):
    raise ValueError(f"{text} is not JSON")


def read(text):
    value = json.loads(text, object_pairs_hook=pairs, parse_float=Number, parse_int=Number,
                       parse_constant=no_constant)
    check_strings(value)
    return value


def check_strings(value):
    if isinstance(value, str):
        value.encode("utf-8")  # a lone surrogate has no UTF-8 and raises a ValueError
        if "\0" in value:
            raise ValueError("U+0000")
    elif isinstance(value, list):
        for item in value:
            check_strings(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            check_strings(name)
            check_strings(item)


def string(text):
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
    return '"' + "".join(short.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in text) + '"'


def jcs(value):
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Number):
        return es_number(value.value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return string(value)
    if isinstance(value, list):
        return "[" + ",".join(map(jcs, value)) + "]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be"))
    return "{" + ",".join(string(name) + ":" + jcs(value[name]) for name in names) + "}"


# Events.

def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)


def hashed_time(moment):
    return moment.strftime("%m-%dT%H:%M:%S.%f").join([f"{moment.year:04}-", "Z"])


def served_time(moment):
    text = hashed_time(moment)
    return text[:-4] + "Z" if moment.microsecond % 1000 == 0 else text


def stored_metadata(event):
    """Metadata with context, migratedFrom and the unknown members (as extra) as members of it; None without any."""
    received = event.get("metadata")
    stored = dict(received or {})
    for name in ("context", "migratedFrom"):
        if event.get(name) is not None:
            stored[name] = event[name]
    extra = {name: value for name, value in event.items() if name not in KNOWN}
    if extra:
        stored["extra"] = extra
    return stored if stored or received is not None else None


def served(event, stored):
    """The event as it is served: defaults filled in, nulls left out, members of the metadata where they came from."""
    out = {name: event[name] for name in ("guid", "entityGuid", "type", "data", "userId")}
    out["timestamp"] = served_time(instant(event["timestamp"]))
    out["syncLevel"] = event.get("syncLevel") or 0
    version = schema_version(event)
    if version is not None:
        out["schemaVersion"] = version
    if stored is not None:
        moved = {name for name in ("context", "migratedFrom", "extra") if name in stored}
        kept = {name: value for name, value in stored.items() if name not in moved}
        for name in moved - {"extra"}:
            out[name] = stored[name]
        out.update(stored.get("extra", {}))
        if kept or not moved:
            out["metadata"] = kept
    return out


def schema_version(event):
    version = event.get("schemaVersion", event.get("version"))
    return None if version is None else int(version.value)


def salted(domain, salt, text):
    return hashlib.sha256(bytes([domain]) + salt + text.encode()).hexdigest()


def event_vector(position, name, text):
    event = read(text)
    salt = {part: hashlib.sha256(f"{part} salt of {position}".encode()).digest()[:16]
            for part in ("data", "metadata", "envelope")}
    metadata = stored_metadata(event)
    # Stamps of one append are a microsecond apart; here every third event begins a new one.
    recorded_at = datetime(2026, 3, 1, 12, 0, position // 3, 250_000 + position % 3, timezone.utc)
    submitted_by = f"https://id.example.com|device-{position % 2 + 1}"
    envelope = {
        "v": 1, "logId": LOG_ID, "guid": event["guid"], "entityGuid": event["entityGuid"], "type": event["type"],
        "dataHash": salted(2, salt["data"], jcs(event["data"])), "userId": event["userId"],
        "timestamp": hashed_time(instant(event["timestamp"])), "submittedBy": submitted_by,
        "recordedAt": hashed_time(recorded_at),
    }
    if schema_version(event) is not None:
        envelope["schemaVersion"] = schema_version(event)
    if metadata is not None:
        envelope["metadataHash"] = salted(3, salt["metadata"], jcs(metadata))
    commitment = salted(4, salt["envelope"], jcs(envelope))
    entry = ENTRY_PREFIX + bytes.fromhex(commitment)
    return {
        "name": name, "position": position, "input": text, "data": jcs(event["data"]),
        "metadata": None if metadata is None else jcs(metadata), "served": jcs(served(event, metadata)),
        "salts": {part: value.hex() for part, value in salt.items()}, "submittedBy": submitted_by,
        "recordedAt": envelope["recordedAt"], "cursor": envelope["recordedAt"].replace("Z", "000Z"),
        "dataHash": envelope["dataHash"], "metadataHash": envelope.get("metadataHash"), "envelope": jcs(envelope),
        "commitment": commitment, "entry": entry.hex(), "leafHash": hashlib.sha256(b"\0" + entry).hexdigest(),
    }


# The tree, by the recursions of RFC 9162, section 2.1.

def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def split(size):
    return 1 << (size - 1).bit_length() - 1


def root(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    k = split(len(leaves))
    return node(root(leaves[:k]), root(leaves[k:]))


def inclusion(index, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return inclusion(index, leaves[:k]) + [root(leaves[k:])]
    return inclusion(index - k, leaves[k:]) + [root(leaves[:k])]


def consistency(old, leaves, whole=True):
    if old == len(leaves):
        return [] if whole else [root(leaves)]
    k = split(len(leaves))
    if old <= k:
        return consistency(old, leaves[:k], whole) + [root(leaves[k:])]
    return consistency(old - k, leaves[k:], False) + [root(leaves[:k])]


def range_proof(begin, end, leaves, first=0):
    """Left to right, the largest subtrees without a leaf of [begin, end)."""
    last = first + len(leaves)
    if last <= begin or end <= first:
        # The RFC splits what is no power of two, so that the left part is the compact range of its leaves.
        if last <= begin and len(leaves) & (len(leaves) - 1):
            k = split(len(leaves))
            return range_proof(begin, end, leaves[:k], first) + range_proof(begin, end, leaves[k:], first + k)
        return [root(leaves)]
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    return range_proof(begin, end, leaves[:k], first) + range_proof(begin, end, leaves[k:], first + k)


# The checkpoint: C2SP tlog-checkpoint in a C2SP signed-note.

def sign(text):
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = hashlib.sha256(KEY_NAME.encode() + b"\n\x01" + public).digest()[:4]
    signature = base64.b64encode(key_id + key.sign(text.encode())).decode()
    vkey = f"{KEY_NAME}+{key_id.hex()}+{base64.b64encode(bytes([1]) + public).decode()}"
    return f"{text}\n\u2014 {KEY_NAME} {signature}\n", vkey


def bundle(vector, proof, note):
    event = read(vector["served"])
    salts = {part: value for part, value in vector["salts"].items()
             if part != "metadata" or vector["metadata"] is not None}
    return jcs({
        "format": "veritrail/proof/v1", "event": event, "salts": salts, "logId": LOG_ID,
        "position": vector["position"], "recordedAt": vector["recordedAt"], "submittedBy": vector["submittedBy"],
        "inclusion": [hash.hex() for hash in proof], "checkpoint": note,
    })


def main():
    from inputs import EVENTS, NUMBERS, REFUSED

    for text in REFUSED:
        try:
            read(text)
        except (ValueError, UnicodeError):
            continue
        raise SystemExit(f"must be refused: {text!r}")
    vectors = [event_vector(position, name, text) for position, (name, text) in enumerate(EVENTS)]
    leaves = [bytes.fromhex(vector["leafHash"]) for vector in vectors]
    size, position, old, begin, end = len(leaves), 3, 7, 5, 11
    origin = f"{KEY_NAME}/{LOG_ID}/1"
    note, vkey = sign(f"{origin}\n{size}\n{base64.b64encode(root(leaves)).decode()}\n")
    many = [hashlib.sha256(b"\0" + f"leaf {index}".encode()).digest() for index in range(600)]
    hexes = lambda hashes: [hash.hex() for hash in hashes]
    print(json.dumps({
        "about": "Frozen bytes of docs/format.md, written by tests/vectors/make.py. To change one is to change the "
                 "format: it takes a new version there.",
        "format": ENTRY_PREFIX.decode(),
        "logId": LOG_ID,
        "key": {"name": KEY_NAME, "seed": SEED.hex(), "verifierKey": vkey},
        "numbers": [{"input": text, "canonical": jcs(read(text))} for text in NUMBERS],
        "refused": REFUSED,
        "events": vectors,
        "roots": hexes(root(leaves[:count]) for count in range(size + 1)),
        "inclusion": {"position": position, "size": size, "proof": hexes(inclusion(position, leaves))},
        "consistency": {"old": old, "new": size, "proof": hexes(consistency(old, leaves))},
        "range": {"begin": begin, "end": end, "size": size, "proof": hexes(range_proof(begin, end, leaves))},
        "tiles": {"leaves": 600, "root": root(many).hex(),
                  "full": [{"level": 0, "index": index, "root": root(many[index * 256:][:256]).hex(),
                            "sha256": hashlib.sha256(b"".join(many[index * 256:][:256])).hexdigest()}
                           for index in range(2)]},
        "checkpoint": {"origin": origin, "size": size, "root": root(leaves).hex(), "note": note},
        "bundle": bundle(vectors[position], inclusion(position, leaves), note),
    }, indent=1, ensure_ascii=True))


if __name__ == "__main__":
    main()
