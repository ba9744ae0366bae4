"""Large models through the built command: memory linear in nodes, and how long it takes.

    $(tests/python/venv.sh) tests/python/large.py [--bin PATH] [--regression]

(a) a LightGBM model of 31 leaves a tree, deeper than 20; (b) a random forest classifier of 100 unlimited trees on
20,000 noisy rows, about half a million nodes; (c) a random forest regressor of a quarter of a million nodes and over
16,384 thresholds in one feature; with `--regression` also (d) one of about 2.5 million nodes with some 73,000
thresholds in one feature. Each is compiled and inspected, some rows are scored and their leaves compared. Sizes are
asserted as counts; seconds are printed.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import lightgbm as lgb
import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "golden")]

import lightgbm_cases  # noqa: E402
import sklearn_cases  # noqa: E402
from command import Tautochrone  # noqa: E402

# What a node (split or leaf) may cost in a program: half a split of 4 or 5 bytes, half an exit of up to 10, a share of
# the rank tables of up to 8, and padding. The share differs with the size of a forest, because its lane groups share
# rank tables otherwise: so every size is held against one line, and not one size against another.
BYTES_PER_NODE = 24
# Padded splits for each split of the model, beside one lane group: blocks are as large as the largest of them.
PADDING = 1.5
# What a node may cost while a model is compiled: its text in the file, its numbers, the splits and leaves of the
# ensemble, its ranks and its planes, which are there at once. 90 to 180 are used by the forests here.
COMPILE_BYTES_PER_NODE = 200
# What the command takes without a model, and what small models round up to.
COMPILE_BYTES = 32 << 20
ROWS = 100


def main():
    """Makes the models and checks each."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--bin", default=os.environ.get("TAUTOCHRONE_BIN", "target/release/tautochrone"))
    options.add_argument("--regression", action="store_true", help="also the forest of 2.5 million nodes (minutes)")
    chosen = options.parse_args()
    command = Tautochrone(chosen.bin)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        chain(command, folder)
        classifier(command, folder)
        regressor(command, folder, "small regressor", rows=10_000, features=5, trees=20)
        if chosen.regression:
            regressor(command, folder, "regressor", rows=20_000, features=18, trees=100)


def chain(command, folder):
    """31 leaves, depth above 20, 20 and 80 trees: a full binary tree of that depth has millions of nodes."""
    rows, target = lightgbm_cases.chain_rows(np.random.default_rng(1))
    for trees in (20, 80):
        params = lightgbm_cases.chain_params(1, learning_rate=0.2)
        booster = lgb.train(params, lgb.Dataset(rows, target), trees)
        depths = [lightgbm_cases.depth(t["tree_structure"]) for t in booster.dump_model()["tree_info"]]
        assert max(depths) > 20, depths
        path = folder / f"chain-{trees}.txt"
        path.write_text(booster.model_to_string())
        leaves = booster.predict(rows[:ROWS], pred_leaf=True)
        nodes = sum(2 * int(t["num_leaves"]) - 1 for t in lightgbm_cases.trees_of(path.read_text()))
        what = f"lightgbm, {trees} trees of 31 leaves, depth {max(depths)}"
        measure(command, folder, what, path, (nodes, trees), rows[:ROWS], leaves)


def classifier(command, folder):
    """100 unlimited trees on 20,000 rows, and the first 25 of them."""
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(20_000, 20)).astype(np.float32)
    target = rows[:, :4].sum(axis=1) + 3 * rng.normal(size=len(rows)) > 0
    begin = time.perf_counter()
    forest = RandomForestClassifier(100, random_state=0, n_jobs=os.cpu_count()).fit(rows, target)
    print(f"trained in {time.perf_counter() - begin:.1f} s")
    forests(command, folder, "classifier", forest, rows[:ROWS])


def regressor(command, folder, name, rows, features, trees):
    """Unlimited regression trees: nearly every row is a leaf of its own."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(rows, features)).astype(np.float32)
    target = rows[:, 0] + rng.normal(size=len(rows))
    begin = time.perf_counter()
    forest = RandomForestRegressor(trees, random_state=0, n_jobs=os.cpu_count(), max_features=0.4).fit(rows, target)
    print(f"trained in {time.perf_counter() - begin:.1f} s")
    forests(command, folder, name, forest, rows[:ROWS])


def forests(command, folder, name, forest, rows):
    """Checks a forest, and the same forest cut to a quarter of its trees."""
    everything = list(forest.estimators_)
    for trees in (len(everything) // 4, len(everything)):
        forest.estimators_ = everything[:trees]
        forest.n_estimators = trees
        found = [one.tree_ for one in forest.estimators_]
        nodes = sum(t.node_count for t in found)
        thresholds = max(
            len(np.unique(np.concatenate([t.threshold[t.feature == f] for t in found]))) for f in range(rows.shape[1])
        )
        depth = max(t.max_depth for t in found)
        path = folder / f"{name}-{trees}.json"
        sklearn_cases.export(forest, str(path))
        what = f"sklearn {name}, {trees} trees, {nodes} nodes, depth {depth}, {thresholds} thresholds in one feature"
        measure(command, folder, what, path, (nodes, trees), rows, forest.apply(rows))


def measure(command, folder, what, path, counts, rows, leaves):
    """Compiles, inspects, compares some leaves; holds memory against a line through the number of nodes."""
    nodes, trees = counts
    compiled = folder / "model.tau"
    seconds, peak = compile_with_peak(command, path, compiled)
    size = compiled.stat().st_size
    begin = time.perf_counter()
    card = command.inspect(compiled)
    inspected = time.perf_counter() - begin
    np.save(folder / "rows.npy", rows)
    out = folder / "leaf.npy"
    _, scored = command.run(
        *("score", "--model", path, "--data", folder / "rows.npy", "--out", out, "--output", "leaf")
    )
    assert np.array_equal(np.load(out), leaves), f"{what}: leaves differ"
    splits = (nodes - trees) // 2
    forest = next(step for step in card["steps"] if step["step"] == "forest")
    lane_groups = -(-forest["sequences"] * forest["blocks"] // 64)
    padded = 64 * lane_groups * forest["nodes"]
    print(
        f"{what}\n  file {path.stat().st_size / 2**20:.1f} MiB, program {size / 2**20:.1f} MiB, "
        f"{size / nodes:.1f} bytes a node, {padded} padded splits, {padded / splits:.2f} a split; "
        f"compile {seconds:.2f} s in {peak / 2**20:.0f} MiB, {peak / nodes:.0f} bytes a node; inspect {inspected:.2f} s, "
        f"leaves of {len(rows)} rows {scored:.2f} s, kernel {card['cost']['kernel']}",
        flush=True,
    )
    assert forest["trees"] == trees, forest
    assert splits <= padded <= PADDING * splits + 64 * forest["nodes"], f"{padded} padded splits for {splits}"
    assert card["cost"]["program_bytes"] <= size <= BYTES_PER_NODE * nodes, f"{size} bytes for {nodes} nodes"
    assert peak <= COMPILE_BYTES + COMPILE_BYTES_PER_NODE * nodes, f"{peak} bytes to compile {nodes} nodes"


# A process counts the memory of the one that started it as its own peak: so a small one in between asks.
PEAK = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def compile_with_peak(command, path, out):
    """Writes a `.tau` file; seconds, and the largest resident memory in bytes (Linux counts in KiB)."""
    begin = time.perf_counter()
    compiling = [command.path, "compile", str(path), "-o", str(out), "--class", "exact"]
    done = subprocess.run([sys.executable, "-S", "-c", PEAK, *compiling], stdout=subprocess.PIPE, check=True)
    return time.perf_counter() - begin, int(done.stdout) << 10


if __name__ == "__main__":
    main()
