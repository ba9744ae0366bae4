#!/usr/bin/env python3
"""Agreements: the published schema says what the command says, and the vectors come out again.

    $(tests/python/venv.sh) tests/python/agreements.py --bin target/release/tautochrone
"""
import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ["examples/agreements/alice-bob.toml", "examples/agreements/alice-charlie.toml"]
EVERY = "protocol/vectors/every-term.toml"

# (old text, new text): each breaks the form, so the schema and the command must both refuse it
BROKEN = [
    ("agreement = 1", "agreement = 2"),
    ("semantics = 1", ""),
    ("semantics = 1", "semantics = 1\nextra = 1"),
    ('name = "rules"', 'name = "rules"\nemail = "a@b"'),
    ('name = "rules"', 'name = "Rules"'),
    ('name = "rules"', 'name = "caller"'),
    ('"reader", "rule-owner"', '"reader", "reader", "rule-owner"'),
    ('"reader", "rule-owner"', '"owner"'),
    (":key/mrk-", ":alias/mrk-"),
    ('authentication = "psk"', 'authentication = "jwt"'),
    ('authentication = "psk"', 'authentication = "tls"'),
    ("psk_sha256 = \"", "psk_sha256 = \"0"),
    ("without_kms_key = true", ""),
    ("without_kms_key = true", "without_kms_key = 1"),
    ("submit_calls = 6", 'submit_calls = "6"'),
    ("submit_calls = 6", "submit_calls = 6.5"),
    ("submit_calls = 6", "submit_calls = -6"),
    ("score_rows = 900_000", "score_rows = 900_000_000_000"),
    ("valid_from = 2026-02-28T23:59:59Z", "valid_from = 5"),
    ("instances = 3", "instances = 0"),
    ('restart = "re-provision"', 'restart = "witness"'),
    ('"amazon"', '"google"'),
    ('mode = "dedicated"', 'mode = "prebuilt"'),
    ('mode = "dedicated"', 'mode = "dedicated"\npcr0 = "00"'),
    ('profile = "data-oblivious"', 'profile = "loose"'),
    ('precision = "f64"', 'precision = "f16"'),
    ("rows_per_call = 100_000", "rows_per_call = 0"),
    ('type = "integer"', 'type = "category"'),
    ('type = "category"', 'type = "number"'),
    ("missing = true", 'missing = "yes"'),
    ('categories = ["A", "B", "\\u00d6"]', 'categories = ["A", "A"]'),
    ('categories = ["A", "B", "\\u00d6"]', "categories = []"),
    ('output = "prediction"', 'output = "leaf"'),
    ("count = 2", "count = 0"),
    ("minimum_rows = 50", ""),
    ("minimum_rows = 50", "minimum_rows = 1"),
    ('form = "aggregate"', 'form = "rows"'),
    ("full_precision = true", "full_precision = false"),
    ("full_precision = true", "full_precision = true\ndecimals = 3"),
    ("full_precision = true", ""),
    ("decimals = 0", "decimals = 16"),
    ("bound_ms = 60000", "bound_ms = 0"),
    ("quantum_ms = 250", ""),
    ("factor = 4", "factor = 101"),
    ("memory_mib = 4096", "memory_mib = 0"),
    ("connections = 4", "connections = 5000"),
    ("[limits]", "[limit]"),
]


def plain(value):
    """What JSON can say: dates as text."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    command = parser.parse_args().bin

    schema = json.loads((ROOT / "docs/agreement.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    def accepts(text):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            run = subprocess.run([command, "agreement", "check", file.name], capture_output=True, text=True)
        assert run.returncode in (0, 2), run.stderr
        assert run.returncode == 0 or (run.stderr.count("\n") == 1 and "line " in run.stderr), run.stderr
        return run.returncode == 0

    for file in [*EXAMPLES, EVERY]:
        text = (ROOT / file).read_text()
        validator.validate(plain(tomllib.loads(text)))
        assert accepts(text), file

    text = (ROOT / EVERY).read_text()
    for old, new in BROKEN:
        assert text.count(old) >= 1, old
        broken = text.replace(old, new, 1)
        assert not validator.is_valid(plain(tomllib.loads(broken))), f"the schema accepts {new!r} for {old!r}"
        assert not accepts(broken), f"the command accepts {new!r} for {old!r}"

    # a field that the schema knows, the command knows too, and neither knows another
    subprocess.run([sys.executable, ROOT / "protocol/vectors/agreement.py", "--check"], check=True)
    print(f"agreements: schema and command agree on {len(EXAMPLES) + 1} texts and {len(BROKEN)} broken ones")


if __name__ == "__main__":
    main()
