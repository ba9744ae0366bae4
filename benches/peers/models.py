"""The models that are timed: made data, fixed seeds, kept on disk between runs."""
import dataclasses
import json
import pathlib
import sys

import numpy as np

ROWS = 8192
TRAINING_ROWS = 60_000


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    title: str
    library: str
    trees: int
    depth: int  # of XGBoost's trees; leaves of LightGBM's; None of a forest without a limit
    features: int
    training_rows: int = TRAINING_ROWS
    rows: int = ROWS  # in a batch
    against: tuple = ("xgboost",)  # the ratio is to the fastest of these
    goals: tuple = (None, None)  # data-oblivious, strict; of the fastest backend, AVX-512


LIGHTGBM = ("lightgbm", "lleaves", "onnxruntime")
CASES = [
    Case("t1000-d6-f32", "T1000 d6 F32", "xgboost", 1000, 6, 32, goals=(45, 15)),
    Case("t1000-d6-f128", "T1000 d6 F128", "xgboost", 1000, 6, 128, goals=(20, 10)),
    Case("t100-d6-f32", "T100 d6 F32", "xgboost", 100, 6, 32, goals=(15, 9)),
    Case("t300-d8-f64", "T300 d8 F64", "xgboost", 300, 8, 64, goals=(16, 5.5)),
    Case("t100-d10-f32", "T100 d10 F32", "xgboost", 100, 10, 32, goals=(10, 2.4)),
    Case("t100-d12-f32", "T100 d12 F32", "xgboost", 100, 12, 32, goals=(7, 2.2)),
    Case("lightgbm-31", "LightGBM, 31 leaves, T500 F32", "lightgbm", 500, 31, 32, against=LIGHTGBM, goals=(22, 20)),
    # without lleaves, which compiles this one for more than 15 minutes
    Case("lightgbm-255", "LightGBM, 255 leaves, T500 F32", "lightgbm", 500, 255, 32,
         against=("lightgbm", "onnxruntime"), goals=(22, 20)),
    Case("forest", "scikit-learn forest, T100 unlimited, F32", "sklearn", 100, None, 32, training_rows=20_000,
         rows=2048, against=("sklearn", "onnxruntime"), goals=(4, 2.5)),
    Case("one-row", "one row, T100 d6 F32", "xgboost", 100, 6, 32, rows=1, against=("onnxruntime",), goals=(5, 5)),
]


def data(features, count, seed):
    """Rows and labels: some features add up, some work in pairs, and there is noise."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, features)).astype(np.float32)
    weights = np.random.default_rng(7).normal(size=features)
    z = x @ weights * 0.5 + np.sin(2 * x[:, 0] * x[:, 1]) * 2 + (x[:, 2] > 0) * x[:, 3] * 2
    z += np.abs(x[:, 4]) * x[:, 5]
    for i in range(6, features - 1, 2):
        z += 0.4 * x[:, i] * x[:, i + 1]
    return x, (z + random.normal(size=count) > 0).astype(np.int32)


def rows(case):
    """What is scored; not what was trained on."""
    return np.ascontiguousarray(data(case.features, case.rows, 2)[0])


@dataclasses.dataclass
class Trained:
    model: object
    file: pathlib.Path  # what our importer reads


def train(case, folder):
    """The case's model, from disk where it is there."""
    # models of the same kind are the same model
    shape = [case.library, case.trees, case.depth, case.features, case.training_rows]
    stem = folder / "-".join(str(part) for part in shape)
    say = lambda: print(f"training {case.title}", file=sys.stderr, flush=True)
    sample = lambda: data(case.features, case.training_rows, 1)
    if case.library == "xgboost":
        import xgboost
        file = stem.with_suffix(".json")
        if not file.exists():
            say()
            x, y = sample()
            settings = dict(max_depth=case.depth, tree_method="hist", max_bin=256, eta=0.05, min_child_weight=0,
                            objective="binary:logistic", nthread=2, seed=0)
            keep(file, lambda path: xgboost.train(settings, xgboost.DMatrix(x, y), case.trees).save_model(path))
        model = xgboost.Booster(model_file=file)
        model.set_param({"nthread": 1})
        return Trained(model, file)
    if case.library == "lightgbm":
        import lightgbm
        file = stem.with_suffix(".txt")
        if not file.exists():
            say()
            x, y = sample()
            settings = dict(num_leaves=case.depth, objective="binary", verbose=-1, num_threads=2, seed=0)
            keep(file, lambda path: lightgbm.train(settings, lightgbm.Dataset(x, y), case.trees).save_model(path))
        return Trained(lightgbm.Booster(model_file=file), file)
    import joblib
    from sklearn.ensemble import RandomForestClassifier
    file, pickle = stem.with_suffix(".json"), stem.with_suffix(".joblib")
    if not pickle.exists():
        say()
        forest = RandomForestClassifier(case.trees, random_state=0, n_jobs=2).fit(*sample())
        forest.set_params(n_jobs=1)
        keep(pickle, lambda path: joblib.dump(forest, path))
    forest = joblib.load(pickle)
    if not file.exists():
        sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "models" / "export"))
        import sklearn_export
        keep(file, lambda path: sklearn_export.export(forest, path))
    return Trained(forest, file)


def has_catboost(case):
    """Whether CatBoost is timed too: where trees are shallow enough for symmetric ones, on batches."""
    return case.library == "xgboost" and case.depth <= 8 and case.rows > 1


def train_catboost(case, folder):
    """CatBoost's own symmetric trees on the same data."""
    import catboost
    file = folder / f"catboost-{case.trees}-{case.depth}-{case.features}.cbm"
    if not file.exists():
        print(f"training CatBoost's own {case.title}", file=sys.stderr, flush=True)
        x, y = data(case.features, case.training_rows, 1)
        model = catboost.CatBoostClassifier(iterations=case.trees, depth=case.depth, learning_rate=0.05, verbose=False,
                                            thread_count=2, border_count=254, random_seed=0, allow_writing_files=False)
        model.fit(x, y)
        keep(file, model.save_model)
    model = catboost.CatBoostClassifier()
    model.load_model(file)
    return model


def keep(file, write):
    """Writes a file whole or not at all."""
    part = file.with_name("part-" + file.name)
    write(str(part))
    part.rename(file)


def statistics(trained):
    """Mean leaves of a tree, for the record."""
    if hasattr(trained.model, "estimators_"):
        return float(np.mean([tree.tree_.n_leaves for tree in trained.model.estimators_]))
    if trained.file.suffix == ".json":
        trees = json.loads(trained.file.read_text())["learner"]["gradient_booster"]["model"]["trees"]
        return float(np.mean([tree["left_children"].count(-1) for tree in trees]))
    leaves = [int(line[11:]) for line in trained.file.read_text().splitlines() if line.startswith("num_leaves=")]
    return float(np.mean(leaves))
