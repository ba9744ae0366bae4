"""What every golden case shares: training data, rows that sit on the edges, and the files of a case."""

import json
import pathlib
from dataclasses import dataclass

import numpy as np

CASES = pathlib.Path(__file__).resolve().parent / "cases"
FEATURES = 5
MAX_ROWS = 196


@dataclass(frozen=True)
class Split:
    """One inner node: enough to put a row exactly on its threshold."""

    tree: int
    feature: int
    threshold: float
    leaves: frozenset
    """Every leaf below it, numbered as the library numbers leaves."""


def splits_of(tree, feature, threshold, left, right, leaf_id):
    """Lists the splits of a tree given as arrays; `leaf_id(child)` is the number of a leaf, or None."""
    found = []

    def below(node):
        number = leaf_id(node)
        if number is not None:
            return frozenset([number])
        leaves = below(left[node]) | below(right[node])
        found.append(Split(tree, int(feature[node]), float(threshold[node]), leaves))
        return leaves

    below(0)
    return found


def training_rows(rng, count, dtype, nan_rate=0.0, zero_rate=0.1):
    """Columns of several kinds: smooth, heavy-tailed, few integers, nearly equal values, and noise."""
    step = np.finfo(dtype).eps
    columns = [
        rng.normal(size=count),
        rng.standard_cauchy(size=count) * 10,
        rng.integers(-3, 4, size=count),
        1 + step * rng.integers(0, 12, size=count),
        rng.exponential(size=count) - 0.5,
    ]
    rows = np.column_stack(columns).astype(dtype)
    rows[rng.random(rows.shape) < zero_rate] = 0
    rows[rng.random(rows.shape) < nan_rate] = np.nan
    return rows


def signal(rng, rows, nan_weight=1.0):
    """A target that makes trees use every column, and the fact that a value is missing."""
    x = np.nan_to_num(rows.astype(np.float64))
    near = (x[:, 3] - 1) / np.finfo(rows.dtype).eps
    z = (
        1.5 * x[:, 0]
        + np.arctan(x[:, 1])
        + 0.4 * x[:, 2] * (x[:, 0] > 0)
        + 0.2 * (near > 5) * near
        + np.sin(3 * x[:, 4])
    )
    missing = np.isnan(rows) * np.array([2.0, -1.0, 1.0, -2.0, 1.5])
    return z + nan_weight * missing.sum(axis=1) + 0.3 * rng.normal(size=len(rows))


def ulp_neighbours(values, dtype):
    """Each value, and the floats just below and above it, in the precision of the comparison."""
    with np.errstate(over="ignore"):
        at = np.asarray(values).astype(dtype)
    around = np.concatenate([at, np.nextafter(at, dtype(-np.inf)), np.nextafter(at, dtype(np.inf))])
    return around[np.isfinite(around)]


def special_values(dtype, nan, inf):
    """Both zeros, the largest and the smallest floats, and what else the library takes."""
    info = np.finfo(dtype)
    values = [0.0, -0.0, info.max, -info.max, info.tiny, -info.tiny, info.smallest_subnormal, -info.smallest_subnormal]
    values += [np.nan] if nan else []
    values += [np.inf, -np.inf] if inf else []
    return np.array(values, dtype)


def edge_rows(rng, train, splits, leaves_of, nan=True, inf=False, extra=()):
    """Rows that a wrong comparison would send the wrong way, then some ordinary ones.

    `train` is rows x features in the dtype of the comparison, `leaves_of(rows)` the library's own leaf
    numbers. Each sampled split gets a training row that passes through it, with the split's feature set to the
    threshold and to its two neighbours. Then every threshold (at most 300) and every special value is dealt
    over the columns, and `extra` values stand alone in each column.
    """
    dtype = train.dtype.type
    leaves = np.asarray(leaves_of(train))
    chosen = [splits[i] for i in rng.permutation(len(splits))[:32]]
    rows = []
    for split in chosen:
        passing = np.flatnonzero(np.isin(leaves[:, split.tree], list(split.leaves)))
        row = train[rng.choice(passing) if len(passing) else 0].copy()
        for value in ulp_neighbours([split.threshold], dtype):
            row[split.feature] = value
            rows.append(row.copy())

    special = np.concatenate([special_values(dtype, nan, inf), np.array(extra, dtype)])
    for value in special:
        rows.append(np.full(train.shape[1], value, dtype))
        for feature in range(train.shape[1]):
            row = train[rng.integers(len(train))].copy()
            row[feature] = value
            rows.append(row)

    by_feature = [sorted({s.threshold for s in splits if s.feature == f}) for f in range(train.shape[1])]
    decks = [rng.permutation(np.append(ulp_neighbours(t[:60], dtype), special)) for t in by_feature]
    for i in range(max(map(len, decks))):
        rows.append(np.array([d[i] if i < len(d) else rng.choice(d) for d in decks], dtype))

    rows = np.array(rows, dtype)[: MAX_ROWS - 28]
    return np.concatenate([rows, train[rng.choice(len(train), 28, replace=False)]])


def sigmoid(margin):
    """1 / (1 + exp(-margin)) in float64, without overflow."""
    small = np.exp(-np.abs(margin))
    return np.where(margin >= 0, 1 / (1 + small), small / (1 + small))


def softmax(margin):
    """Softmax over the last axis in float64."""
    shifted = np.exp(margin - margin.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def link(name, margin):
    """The float64 value of a link, from the library's own margin: what the engine's link is held against."""
    margin = np.asarray(margin, np.float64)
    if name == "identity" or name == "proportion":
        return margin
    if name.startswith("sigmoid"):
        return sigmoid(margin * float(name.partition(":")[2] or 1))
    if name == "one-versus-rest":
        each = sigmoid(margin)
        return each / each.sum(axis=-1, keepdims=True)
    return {"softmax": softmax, "exp": np.exp}[name](margin)


def smallest_flip(label_at, dtype):
    """The smallest margin with label 1, by bisection over the floats in order; `label_at` is monotone."""
    bits = np.dtype(dtype).itemsize * 8
    top = 1 << (bits - 1)
    unsigned = np.dtype(f"u{bits // 8}")

    def value(order):
        raw = order - top if order >= top else top * 2 - 1 - order
        return np.array(raw, unsigned).view(dtype)[()]

    def order(x):
        raw = int(np.array(x, dtype).view(unsigned))
        return raw + top if raw < top else top * 2 - 1 - raw

    low, high = order(-10.0), order(10.0)
    assert not label_at(value(low)) and label_at(value(high))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if label_at(value(middle)) else (middle, high)
    return float(value(high))


class Case:
    """One folder under `cases/`: the model as the library saved it, rows, and what the library answers."""

    def __init__(self, name, **facts):
        self.name = name
        self.facts = {"name": name, **facts}
        self.arrays = {}

    def write(self, model_name, model):
        """Writes the folder. `model` is bytes, or a callable that writes to a path."""
        folder = CASES / self.name
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        model(folder / model_name) if callable(model) else (folder / model_name).write_bytes(model)
        rows = self.arrays["rows"]
        for key, array in self.arrays.items():
            assert len(array) == len(rows), key
            np.save(folder / f"{key}.npy", np.ascontiguousarray(array))
        trees = self.arrays["leaf"].shape[1] if "leaf" in self.arrays else 0
        self.facts |= {
            "model": model_name,
            "rows": rows.shape[0],
            "features": rows.shape[1],
            "trees": trees,
            "outputs": self.arrays["margin"].shape[1],
            "files": sorted(key for key in self.arrays if key != "rows"),
        }
        (folder / "case.json").write_text(json.dumps(self.facts, indent=1, sort_keys=True) + "\n")
        size = sum(f.stat().st_size for f in folder.iterdir())
        print(f"{self.name:50} {len(rows):4} rows {trees:3} trees {size / 1024:6.1f} KiB", flush=True)
