#!/usr/bin/env python3
"""The 40-comparison rule on 1,000,000 rows, one core: Tautochrone beside NumPy and Polars, in one run.

    python3 -m venv target/rules && target/rules/bin/pip install numpy==2.4.6 polars==1.35.2
    cargo build --release -p benches --bin rule-bench
    taskset -c 0 target/rules/bin/python benches/rules.py

All read the same ten columns of i64 in memory and give the same flag for each row and the same count.
Tautochrone also clamps the cells and counts those outside. Rounds alternate, the best of each counts.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["POLARS_MAX_THREADS"] = "1"
import numpy as np
import polars as pl

ROOT = pathlib.Path(__file__).parent.parent
ROWS, ROUNDS = 1_000_000, 7
LIMITS = json.loads((ROOT / "examples" / "eligibility" / "trial.json").read_text())
LOW, HIGH, AVOID, NEED = (LIMITS[name] for name in ("low", "high", "avoid", "need"))


def numpy_rule(columns):
    eligible = np.ones(ROWS, dtype=bool)
    strong = np.zeros(ROWS, dtype=np.int8)
    for x, low, high, avoid, need in zip(columns, LOW, HIGH, AVOID, NEED):
        eligible &= x >= low
        eligible &= x <= high
        eligible &= x != avoid
        strong += x > need
    eligible &= strong >= 8
    return eligible, int(np.count_nonzero(eligible))


def polars_plan(frame):
    names = frame.columns
    inside = pl.all_horizontal([pl.col(n).is_between(a, b) for n, a, b in zip(names, LOW, HIGH)])
    clear = pl.all_horizontal([pl.col(n) != a for n, a in zip(names, AVOID)])
    strong = pl.sum_horizontal([(pl.col(n) > a).cast(pl.Int8) for n, a in zip(names, NEED)]) >= 8
    return inside & clear & strong


def main():
    dice = np.random.default_rng(11)
    # most cells within the limits, so that some rows pass
    columns = [dice.integers(0, 1001, ROWS, dtype=np.int64) for _ in range(10)]
    frame = pl.DataFrame({f"m{n}": column for n, column in enumerate(columns)})
    plan = polars_plan(frame)
    best = {"numpy": 9e9, "polars": 9e9, "tautochrone": 9e9}
    counts = set()
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "columns.bin"
        file.write_bytes(b"".join(column.tobytes() for column in columns))
        binary = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release" / "rule-bench"
        for _ in range(ROUNDS):
            start = time.perf_counter()
            _, count = numpy_rule(columns)
            best["numpy"] = min(best["numpy"], time.perf_counter() - start)
            counts.add(count)
            start = time.perf_counter()
            count = int(frame.select(plan).to_series().sum())
            best["polars"] = min(best["polars"], time.perf_counter() - start)
            counts.add(count)
            lines = subprocess.run([binary, file, "3"], check=True, capture_output=True, text=True).stdout.split()
            best["tautochrone"] = min(best["tautochrone"], *map(float, lines[:-1]))
            counts.add(int(lines[-1]))
    assert len(counts) == 1, f"different counts: {counts}"
    for name, seconds in best.items():
        print(f"{name:12} {1000 * seconds:8.2f} ms  {1e9 * seconds / ROWS:6.2f} ns a row")
    peer = min(best["numpy"], best["polars"])
    print(f"ratio to the faster peer: {peer / best['tautochrone']:.2f} ({counts.pop()} rows pass)")
    return 0 if best["tautochrone"] <= peer else 1


if __name__ == "__main__":
    sys.exit(main())
