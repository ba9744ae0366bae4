#!/usr/bin/env python3
"""Canonical agreements by SPEC.md, section 3, written without a look at the Rust code.

    python3 protocol/vectors/agreement.py [--check]

Writes protocol/vectors/agreement.json from the TOML files below; with --check it compares instead.
Needs Python 3.11 and nothing else.
"""
import datetime
import hashlib
import json
import pathlib
import struct
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = [
    "examples/agreements/alice-bob.toml",
    "examples/agreements/alice-charlie.toml",
    "protocol/vectors/every-term.toml",
]
OUT = ROOT / "protocol/vectors/agreement.json"
ROLES = ["model-owner", "rule-owner", "data-owner", "reader", "operator"]


def u8(n): return struct.pack("<B", n)
def u16(n): return struct.pack("<H", n)
def u32(n): return struct.pack("<I", n)
def u64(n): return struct.pack("<Q", n)
def f64(x): return struct.pack("<d", float(x) + 0.0)
def blob(b): return u64(len(b)) + b
def text(s): return blob(s.encode())
def many(items): return u64(len(items)) + b"".join(items)


def seconds(instant, default):
    if instant is None:
        return default
    assert instant.tzinfo == datetime.timezone.utc
    return int(instant.timestamp())


def canonical(a):
    positions = {party["name"]: n for n, party in enumerate(a["party"])} | {"caller": 0xFFFF}

    def party(p):
        psk = p["authentication"] == "psk"
        digest = bytes.fromhex(p["psk_sha256" if psk else "tls_key_sha256"])
        return (
            text(p["name"])
            + text(p.get("kms_key_arn", ""))
            + u8(0 if psk else 1) + digest
            + u8(sum(1 << ROLES.index(role) for role in p["roles"]))
            + b"".join(u32(p.get(f"{op}_calls", 0)) for op in ("submit", "supply", "score"))
            + b"".join(u64(p.get(f"{op}_rows", 0)) for op in ("supply", "score"))
            + u64(seconds(p.get("valid_from"), 0))
            + u64(seconds(p.get("valid_until"), 2**64 - 1))
        )

    def column(c):
        values = {
            "number": lambda: u8(0) + f64(c["min"]) + f64(c["max"]),
            "integer": lambda: u8(1) + struct.pack("<qq", c["min"], c["max"]),
            "category": lambda: u8(2) + bytes(16),
        }[c["type"]]()
        return (
            text(c["name"])
            + values
            + many([text(name) for name in c.get("categories", [])])
            + u8(c.get("missing", False))
            + u16(positions[c.get("from", "caller")])
        )

    def release(r):
        return (
            u16(positions[r["to"]])
            + u32(r["minimum_rows"] if r["form"] == "aggregate" else 0)
            + u8(255 if r.get("full_precision") else r["decimals"])
            + u8(r.get("accept_row_disclosure", False))
        )

    def root(name):
        return u8(0) + bytes(32) if name == "amazon" else u8(1) + bytes.fromhex(name.removeprefix("sha256:"))

    image = a["image"]
    if image["mode"] == "prebuilt":
        image = u8(0) + b"".join(bytes.fromhex(image[f"pcr{n}"]) for n in range(3))
    else:
        image = u8(1) + bytes.fromhex(image["pcr1"] + image["application_sha384"]) + bytes(48)
    program, data, output, replies, limits = (
        a[name] for name in ("program", "input", "output", "replies", "limits")
    )
    commitment = program.get("commitment")
    return (
        b"TAUAGRM\n" + u32(a["agreement"]) + u32(a["semantics"])
        + text(a["name"])
        + image
        + many(sorted(root(name) for name in a.get("kms_roots", ["amazon"])))
        + u16(a.get("instances", 1))
        + u8(["re-provision"].index(a.get("restart", "re-provision")))
        + many([party(p) for p in a["party"]])
        + u8(["strict", "data-oblivious"].index(program["profile"]))
        + u8(["auto", "exact"].index(program["class"]))
        + bytes.fromhex(program["card"])
        + (u8(1) + bytes.fromhex(commitment) if commitment else u8(0) + bytes(48))
        + u8(["f32", "f64"].index(data["precision"]))
        + u32(data["rows_per_call"])
        + many([column(c) for c in data["column"]])
        + u8(["margin", "probability", "prediction", "label"].index(output["output"]))
        + u32(output["count"])
        + f64(output["min"]) + f64(output["max"])
        # the caller first, then parties in their order
        + many([release(r) for r in sorted(
            a.get("release", []), key=lambda r: (positions[r["to"]] + 1) % 0x10000)])
        + u32(replies["bound_ms"]) + u32(replies["quantum_ms"])
        + u16(replies.get("factor", 2))
        + u32(limits["memory_mib"]) + u32(limits["program_mib"]) + u32(limits["message_mib"])
        + u32(limits.get("idle_seconds", 60))
        + u16(limits.get("connections", 64))
    )


def tagged(domain, *parts):
    return hashlib.sha384(
        u8(len(domain)) + domain.encode() + b"".join(blob(part) for part in parts)
    ).digest()


def identity(p):
    if "kms_key_arn" in p:
        return hashlib.sha256(p["kms_key_arn"].encode()).hexdigest()
    pin = bytes.fromhex(p["tls_key_sha256"])
    return hashlib.sha256(tagged("tautochrone pinned party v1", pin)).hexdigest()


def vector(file):
    a = tomllib.loads((ROOT / file).read_text())
    form = canonical(a)
    return {
        "toml": file,
        "canonical": form.hex(),
        "digest": tagged("tautochrone agreement v1", form).hex(),
        "party_ids": [identity(p) for p in a["party"]],
    }


def main():
    made = json.dumps([vector(file) for file in FILES], indent=1) + "\n"
    if sys.argv[1:] == ["--check"]:
        if OUT.read_text() != made:
            sys.exit("protocol/vectors/agreement.json is not what the TOML files give")
        print(f"{len(FILES)} agreements: canonical form, digest and party ids agree")
    else:
        OUT.write_text(made)


if __name__ == "__main__":
    main()
