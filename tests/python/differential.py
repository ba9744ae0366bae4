"""Random models from the real libraries, scored by the built command, compared with the library's own answers.

    $(tests/python/venv.sh) tests/python/differential.py [--bin PATH] [--cases N] [--seed N] [--case I]

Every case trains a model with random settings on random rows, puts test rows on its thresholds and beside them,
and runs `tautochrone score` for each output with a random profile, backend and thread count:

* leaf indices equal on every row;
* `--sum source` margins equal bit for bit (trees; a linear model within the reordering bound of its dot product);
* `--sum fixed` margins within the bound that `tautochrone inspect` states; a linear model has no leaves to add up, and
  the flag must be refused;
* labels equal; probabilities within 2 ulp of f32 of the float64 value.

The seed is printed; `--seed S --case I` repeats one case. Exit 1 on any mismatch.
"""

import argparse
import collections
import os
import pathlib
import secrets
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "golden")]

from command import Refused, Tautochrone  # noqa: E402
from random_models import MAKERS  # noqa: E402

# what `--sum fixed` is told about a linear model
NO_FIXED_SUM = "a linear model has no leaves to add up in fixed point"

# kernels that --kernel may force
STRICT_KERNELS = ["auto", "interval-max"]
KERNELS = [*STRICT_KERNELS, "interval-max-rows", "bit-sliced"]


def main():
    """Runs the cases and prints one closing line."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--bin", default=os.environ.get("TAUTOCHRONE_BIN", "target/release/tautochrone"))
    options.add_argument("--cases", type=int, default=60)
    options.add_argument("--seed", type=int)
    options.add_argument("--case", type=int, help="run this case alone")
    options.add_argument("--library", choices=sorted(MAKERS), help="only models of this library")
    options.add_argument("--keep", type=pathlib.Path, help="write models and rows here instead of a temporary folder")
    chosen = options.parse_args()
    seed = secrets.randbits(32) if chosen.seed is None else chosen.seed
    command = Tautochrone(chosen.bin)
    print(f"seed {seed}, backends {', '.join(command.backends)}", flush=True)

    count = collections.Counter()
    for index in range(chosen.cases) if chosen.case is None else [chosen.case]:
        rng = np.random.default_rng([seed, index])
        library = chosen.library or str(rng.choice(sorted(MAKERS)))
        with tempfile.TemporaryDirectory() as temporary:
            folder = (chosen.keep or pathlib.Path(temporary)) / f"case-{index}"
            folder.mkdir(parents=True, exist_ok=True)
            model = MAKERS[library](rng, folder)
            for what, fault in check(command, model, rng, folder):
                count["failed" if fault else "passed"] += 1
                if fault:
                    only = f" --library {library}" if chosen.library else ""
                    print(f"FAILED {model.what}: {what}: {fault}")
                    print(f"  repeat: tests/python/differential.py --seed {seed} --case {index}{only}", flush=True)
    print(f"{count['passed']} passed, {count['failed']} failed")
    sys.exit(1 if count["failed"] or not count["passed"] else 0)


def check(command, model, rng, folder):
    """Yields what was compared, and what is wrong with it or None."""
    np.save(folder / "rows.npy", model.rows)
    runs = [("margin", "source"), ("margin", "fixed")]
    runs += [("leaf", "source")] if model.leaf is not None else []
    runs += [("label", "source")] if model.label is not None else []
    runs += [("probability", "source")] if model.probability is not None else []
    for output, arithmetic in runs:
        how = {
            "profile": str(rng.choice(["strict", "data-oblivious"])),
            "backend": str(rng.choice(command.backends)),
            "threads": str(rng.integers(1, 4)),
        }
        # linear models have no trees to walk
        if model.exact is not None:
            strict = how["profile"] == "strict"
            how["kernel"] = str(rng.choice(STRICT_KERNELS if strict else KERNELS))
        what = f"{output}, sum {arithmetic}, " + ", ".join(f"{key} {value}" for key, value in how.items())
        try:
            got = command.score(model, folder, output, arithmetic, how)
        except Refused as refused:
            expected = refuses_fixed(model, arithmetic) and NO_FIXED_SUM in str(refused)
            yield what, None if expected else str(refused)
            continue
        if refuses_fixed(model, arithmetic):
            yield what, "scored in floats, where fixed point was asked for"
            continue
        yield what, compare(command, model, folder, output, arithmetic, how, got)


def refuses_fixed(model, arithmetic):
    """Is this a fixed-point sum of a model without leaves?"""
    return arithmetic == "fixed" and model.exact is None


def compare(command, model, folder, output, arithmetic, how, got):
    """What is wrong with an answer, or None."""
    want = {
        "margin": model.margin,
        "leaf": model.leaf,
        "label": model.label,
        "probability": model.probability,
    }[output]
    if len(got) != len(want):
        return f"{len(got)} rows instead of {len(want)}"
    if output == "label":
        return differing(np.asarray(got).reshape(-1) != want)
    got = np.asarray(got).reshape(len(want), -1)
    if got.shape != want.shape:
        return f"shape {got.shape} instead of {want.shape}"
    if output == "leaf":
        return differing(got != want)
    if output == "probability":
        # a link is clamped: far out on its tails the value is the one at the end of its domain
        tail = 2e-34 if model.margin.dtype == np.float32 else 1e-290
        return differing(~((ulps_f32(got, want) <= 2) | (np.abs(got - want) <= tail)))
    if arithmetic == "fixed":
        bound = command.fixed_error_bound(model, folder, how["profile"])
        return differing(~(np.abs(got - model.exact) <= bound), f"bound {bound}")
    if model.tolerance is not None:
        return differing(~(np.abs(got - want) <= model.tolerance))
    if got.dtype != want.dtype:
        return f"type {got.dtype} instead of {want.dtype}"
    bits = np.dtype(f"u{want.itemsize}")
    return differing(np.ascontiguousarray(got).view(bits) != np.ascontiguousarray(want).view(bits))


def ulps_f32(got, true):
    """How far `got` is from the true value, in units of the last place of the true value as f32."""
    true = np.asarray(true, np.float64)
    spacing = np.spacing(np.maximum(np.abs(true).astype(np.float32), np.finfo(np.float32).tiny)).astype(np.float64)
    return np.abs(np.asarray(got, np.float64) - true) / spacing


def differing(wrong, note=""):
    """None if nothing is wrong, else how much and where first."""
    if not wrong.any():
        return None
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"{int(wrong.sum())} of {wrong.size} differ, first at {first} {note}".rstrip()


if __name__ == "__main__":
    main()
