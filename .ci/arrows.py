#!/usr/bin/env python3
"""Which crate may name which: fails on any arrow that ARCHITECTURE.md does not draw.

Reads `cargo metadata` from standard input. Dev-dependencies count too: a test that reaches around
an arrow is an arrow.
"""
import json
import sys

EVERY = {"ops", "engine", "models", "rules", "protocol", "channel", "client", "ctrace", "ctrace-marker", "evidence"}
ALLOWED = {
    "ops": set(),
    "engine": {"ops"},
    "models": {"engine"},
    "rules": {"engine"},
    "protocol": {"engine"},
    "channel": {"protocol"},
    "enclave-host": {"engine", "ops", "protocol", "channel"},
    "client": {"models", "rules", "engine", "protocol", "channel"},
    "dev": {"models", "engine", "protocol", "channel", "client", "enclave-host", "parent"},
    "parent": {"protocol"},
    "ctrace": {"ctrace-marker"},
    "ctrace-marker": set(),
    "ctrace-toys": {"ctrace", "ctrace-marker"},
    "steal": {"engine", "models", "protocol"},
    "tests": EVERY | {"enclave-host"},
    "evidence": {"ops", "engine", "protocol", "enclave-host", "ctrace-marker", "tests"},
    "benches": EVERY | {"dev"},
}

packages = json.load(sys.stdin)["packages"]
ours = {package["name"] for package in packages}
wrong = []
for package in packages:
    name = package["name"]
    if name not in ALLOWED:
        wrong.append(f"{name}: not in the table of crates (.ci/arrows.py, ARCHITECTURE.md)")
        continue
    for dependency in package["dependencies"]:
        if dependency["name"] in ours and dependency["name"] not in ALLOWED[name]:
            wrong.append(f"{name} -> {dependency['name']}: no such arrow")
print("\n".join(wrong) or f"arrows: {len(ours)} crates, every arrow allowed")
sys.exit(1 if wrong else 0)
