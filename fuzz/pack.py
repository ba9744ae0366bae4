#!/usr/bin/env python3
"""Packs a fuzz target's corpus into fuzz/corpora/TARGET.pack, which the tests replay: fuzz/pack.py TARGET FOLDER

FOLDER is a corpus that libFuzzer made small (`cargo +nightly fuzz cmin TARGET`). The smallest inputs come first, 160 KiB in
all: for each a length (u32, little-endian) and the bytes.
"""
import struct
import sys
from pathlib import Path

target, folder = sys.argv[1:]
inputs = sorted({path.read_bytes() for path in Path(folder).iterdir()}, key=lambda one: (len(one), one))
pack = b""
for one in inputs:
    if len(pack) + 4 + len(one) > 160 << 10:
        break
    pack += struct.pack("<I", len(one)) + one
place = Path(__file__).parent / "corpora" / f"{target}.pack"
place.parent.mkdir(exist_ok=True)
place.write_bytes(pack)
print(f"{place.name}: {len(pack)} bytes")
