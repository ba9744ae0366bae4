"""Large models through the built command: memory linear in nodes, and how long it takes.

    $(tests/python/venv.sh) tests/python/large.py [--bin PATH] [--regression]

(a) a LightGBM model of 31 leaves a tree, deeper than 20; (b) a random forest classifier of 100 unlimited trees on
20,000 noisy rows, about half a million nodes; with `--regression` also (c) a random forest regressor of about 2.5
million nodes with some 71,000 thresholds in one feature. Each is compiled and inspected, some rows are scored and
their leaves compared. Sizes are asserted as counts; seconds are printed.
"""

import argparse
import os
import pathlib
import resource
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

# What a node may cost in a program: its planes, an exit's planes, a share of the ranks, and padding.
BYTES_PER_NODE = 64
# The same for a forest whose blocks are full: 4 bytes of node, 10 of exit, up to 8 of ranks, and little padding.
FOREST_BYTES_PER_NODE = 24
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
        if chosen.regression:
            regressor(command, folder)
    print(f"peak memory of a command: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB")


def chain(command, folder):
    """31 leaves, depth above 20, 20 and 80 trees: a full binary tree of that depth has millions of nodes."""
    rows, target = lightgbm_cases.chain_rows(np.random.default_rng(1))
    sizes = []
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
        sizes.append((nodes, measure(command, folder, what, path, nodes, rows[:ROWS], leaves)))
    linear(sizes)


def classifier(command, folder):
    """100 unlimited trees on 20,000 rows, and the first 25 of them."""
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(20_000, 20)).astype(np.float32)
    target = rows[:, :4].sum(axis=1) + 3 * rng.normal(size=len(rows)) > 0
    begin = time.perf_counter()
    forest = RandomForestClassifier(100, random_state=0, n_jobs=os.cpu_count()).fit(rows, target)
    print(f"trained in {time.perf_counter() - begin:.1f} s")
    forests(command, folder, "classifier", forest, rows[:ROWS])


def regressor(command, folder):
    """100 unlimited regression trees: nearly every row is a leaf of its own."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(20_000, 18)).astype(np.float32)
    target = rows[:, 0] + rng.normal(size=len(rows))
    begin = time.perf_counter()
    forest = RandomForestRegressor(100, random_state=0, n_jobs=os.cpu_count(), max_features=0.4).fit(rows, target)
    print(f"trained in {time.perf_counter() - begin:.1f} s")
    forests(command, folder, "regressor", forest, rows[:ROWS])


def forests(command, folder, name, forest, rows):
    """Checks a forest, and the same forest cut to its first 25 trees."""
    everything, sizes = list(forest.estimators_), []
    for trees in (25, 100):
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
        sizes.append((nodes, measure(command, folder, what, path, nodes, rows, forest.apply(rows))))
    linear(sizes)


def measure(command, folder, what, path, nodes, rows, leaves):
    """Compiles, inspects, compares some leaves; bytes of the program."""
    compiled = folder / "model.tau"
    seconds = command.compile(path, compiled, "--class", "exact")
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
    print(
        f"{what}\n  file {path.stat().st_size / 2**20:.1f} MiB, program {size / 2**20:.1f} MiB, "
        f"{size / nodes:.1f} bytes a node; compile {seconds:.2f} s, inspect {inspected:.2f} s, "
        f"leaves of {len(rows)} rows {scored:.2f} s, kernel {card['cost']['kernel']}",
        flush=True,
    )
    assert size <= BYTES_PER_NODE * nodes + 65_536, f"{size} bytes for {nodes} nodes"
    return size


def linear(sizes):
    """Bytes per node stay below one cap for both forests: how many lane groups share a rank group differs with the
    size of the forest, and with it the tables' share, so the two are held against a line, not against each other."""
    for nodes, size in sizes:
        assert size <= FOREST_BYTES_PER_NODE * nodes, f"{size} bytes for {nodes} nodes"


if __name__ == "__main__":
    main()
