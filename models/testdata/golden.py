"""Shared by the make_*.py scripts: rows at and around every threshold, and what the library says.

A `.golden` file has one line a row: the row, each tree's leaf, each output's margin, the label (or
-), as hexadecimal float bits where they are floats; fields by `|`, entries by `,`.
"""

import numpy as np


def rows_around(thresholds, features, kind, seed, extra=(), most=48):
    """Rows whose every feature sits on a threshold, one step to either side, or on a special."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((most, features), dtype=kind)
    with np.errstate(all="ignore"):
        for feature in range(features):
            at = np.array(thresholds.get(feature, [0.0]), dtype=kind)
            up = np.nextafter(at, kind(np.inf))
            down = np.nextafter(at, kind(-np.inf))
            pool = np.concatenate([at, up, down, np.array(extra, dtype=kind)])
            rows[:, feature] = rng.choice(pool, size=most)
    return rows


def bits(values):
    values = np.atleast_1d(values)
    width = {np.float32: "u4", np.float64: "u8"}[values.dtype.type]
    return ",".join(format(v, "x") for v in values.view(width))


def write(path, rows, leaves, margins, labels):
    with open(path, "w", encoding="ascii") as out:
        for i, row in enumerate(rows):
            leaf = ",".join(str(int(v)) for v in leaves[i])
            label = "-" if labels is None else str(labels[i])
            out.write(f"{bits(row)}|{leaf}|{bits(margins[i])}|{label}\n")
