"""Models with random settings, trained by the real libraries on random rows, and what they answer."""

import json
import pathlib
import sys
import warnings
from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np
import xgboost as xgb
from sklearn import ensemble, linear_model, tree

import lightgbm_cases
import sklearn_cases
import xgboost_cases
from common import edge_rows, link

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models" / "export"))
from sklearn_export import export  # noqa: E402


@dataclass
class Scored:
    """A model file, rows, and the library's answers."""

    what: str
    path: pathlib.Path
    rows: np.ndarray
    margin: np.ndarray
    """rows x outputs, in the precision of the library's sum."""
    exact: np.ndarray
    """The same sums without rounding worth speaking of: what a fixed-point sum is held against. None: no leaves."""
    options: list = field(default_factory=list)
    leaf: np.ndarray = None
    label: np.ndarray = None
    probability: np.ndarray = None
    tolerance: np.ndarray = None


def random_rows(rng, dtype, nan_rate):
    """Training rows: columns of random kinds, some constant, some with values an ulp apart."""
    count, features = int(rng.integers(30, 900)), int(rng.integers(1, 20))
    step = np.finfo(dtype).eps
    kinds = [
        lambda: rng.normal(size=count),
        lambda: rng.standard_cauchy(size=count) * 10.0 ** rng.integers(-20, 20),
        lambda: rng.integers(-3, 4, size=count),
        lambda: 1 + step * rng.integers(0, 20, size=count),
        lambda: rng.choice([-0.0, 0.0, 1.0], size=count),
        lambda: rng.exponential(size=count) * 1e-30,
        lambda: np.full(count, rng.normal()),
        lambda: np.round(rng.normal(size=count), 1),
    ]
    rows = np.column_stack([rng.choice(kinds)() for _ in range(features)]).astype(dtype)
    rows[rng.random(rows.shape) < rng.choice([0, 0.2])] = 0
    rows[rng.random(rows.shape) < nan_rate] = np.nan
    repeated = rng.integers(0, count, count // 5)
    rows[: len(repeated)] = rows[repeated]
    return rows


def random_target(rng, rows):
    """A number per row that depends on a few columns, on what is missing, and on noise."""
    ranks = np.argsort(np.argsort(np.nan_to_num(rows), axis=0), axis=0) / len(rows)
    weights = rng.normal(size=rows.shape[1]) * (rng.random(rows.shape[1]) < 0.6)
    z = ranks @ weights + (np.isnan(rows) * rng.normal(size=rows.shape[1])).sum(axis=1)
    z += ranks[:, 0] * ranks[:, -1] + rng.choice([0.01, 0.5]) * rng.normal(size=len(rows))
    return (z - z.mean()) / (z.std() + 1e-9)


def random_classes(rng, z, count):
    """Class numbers, each of which occurs."""
    y = np.searchsorted(np.quantile(z, np.sort(rng.random(count - 1)) * 0.8 + 0.1), z)
    y[:count] = np.arange(count)
    return y


def test_rows(rng, train, splits, leaves_of, **accepts):
    """Edge rows, cut to a number of rows that fills blocks of 64 exactly, nearly, or not at all."""
    rows = edge_rows(rng, train, splits, leaves_of, **accepts)
    count = min(len(rows), int(rng.choice([1, 63, 64, 65, 128, 1000])))
    return rows[rng.permutation(len(rows))[:count]]


def xgboost_model(rng, folder):
    """A random XGBoost model."""
    objective = str(rng.choice(sorted(xgboost_cases.OBJECTIVES)))
    missing = None if rng.random() < 0.7 else float(rng.choice([-1.0, 0.0, -999.0]))
    rows = random_rows(rng, np.float32, rng.choice([0.0, 0.05, 0.4]))
    z = random_target(rng, rows)
    if missing is not None:
        rows[np.isnan(rows)] = missing
    params = {
        "objective": objective,
        "nthread": 1,
        "seed": int(rng.integers(1 << 30)),
        "max_depth": int(rng.integers(1, 9)),
        "eta": float(rng.choice([0.05, 0.3, 1.0])),
        "min_child_weight": float(rng.choice([0, 1, 5])),
        "gamma": float(rng.choice([0, 0, 0.5, 5])),
        "lambda": float(rng.choice([0.1, 1, 10])),
        "subsample": float(rng.choice([0.5, 1])),
        "num_parallel_tree": int(rng.choice([1, 1, 3])),
        "tree_method": str(rng.choice(["hist", "exact", "approx"])),
        "max_bin": int(rng.choice([4, 64, 256])),
    }
    if params["tree_method"] == "hist" and rng.random() < 0.3:
        params |= {"grow_policy": "lossguide", "max_leaves": int(rng.integers(2, 60)), "max_depth": 0}
    if rng.random() < 0.3:
        params["base_score"] = float(np.round(rng.uniform(0.05, 0.95), 3))
    if objective == "reg:quantileerror":
        params["quantile_alpha"] = 0.3
    if objective.startswith("multi"):
        params["num_class"] = int(rng.integers(2, 6))
        y = random_classes(rng, z, params["num_class"])
    else:
        y = xgboost_cases.target(objective, z)
    data = xgboost_cases.dmatrix(rows, missing, label=y)
    if objective.startswith("rank"):
        data.set_group(np.diff(np.append(np.arange(0, len(rows), 10), len(rows))))
    watch, options = {}, []
    if rng.random() < 0.2:
        watch = {"evals": [(xgboost_cases.dmatrix(rows, missing, label=y), "seen")], "early_stopping_rounds": 2}
        if objective.startswith("rank"):
            watch["evals"][0][0].set_group([len(rows)])
    booster = xgb.train(params, data, int(rng.integers(1, 25)), verbose_eval=False, **watch)
    iterations = str(rng.choice(["best", "all"])) if watch else None
    options += ["--iterations", iterations] if iterations else []
    options += [f"--missing={missing}"] if missing is not None else []
    model = xgboost_cases.saved(booster)
    (folder / "model.json").write_bytes(model)

    if label_is_close(rng, objective):
        model = xgboost_cases.edited(model, lambda learner: set_close_leaves(rng, learner))
        (folder / "model.json").write_bytes(model)

    booster = xgboost_cases.loaded(model)
    picked = {"iteration_range": (0, booster.best_iteration + 1)} if iterations == "best" else {}

    def ask(rows, **kind):
        return booster.predict(xgboost_cases.dmatrix(rows, missing), **picked, **kind)

    def leaves_of(rows):
        return ask(rows, pred_leaf=True).reshape(len(rows), -1).astype(np.uint32)

    used = leaves_of(rows[:1]).shape[1]
    splits = [s for s in xgboost_cases.splits_in(model) if s.tree < used]
    rows = test_rows(rng, rows, splits, leaves_of, extra=[] if missing is None else [missing])
    leaf, margin, prediction = leaves_of(rows), ask(rows, output_margin=True).reshape(len(rows), -1), ask(rows)
    how, label = xgboost_cases.OBJECTIVES[objective]
    labels = {
        None: lambda: None,
        "half": lambda: prediction > 0.5,
        "prediction": lambda: prediction,
        "argmax": lambda: prediction.argmax(axis=1),
    }[label]()
    learner = json.loads(model)["learner"]["gradient_booster"]["model"]
    values = [np.array(t["split_conditions"], np.float32) for t in learner["trees"]]
    wide = rng.random() < 0.2
    return Scored(
        what=f"xgboost {objective} {params['tree_method']} {used} trees",
        path=folder / "model.json",
        rows=rows.astype(np.float64) if wide else rows,
        margin=margin,
        exact=xgboost_base(model, margin.shape[1], rows.shape[1])
        + exact_sums(leaf, values, learner["tree_info"], margin.shape),
        options=options,
        leaf=leaf,
        label=None if labels is None else labels.astype(np.uint32),
        probability=link(how, margin) if how in ("sigmoid", "softmax") else None,
    )


def label_is_close(rng, objective):
    """Should a classifier's leaves be replaced, so that classes tie or nearly tie on many rows?"""
    return objective.startswith(("binary", "multi")) and rng.random() < 0.3


def close_values(rng, count, dtype):
    """Leaf values a few units in the last place apart: around zero, small, ordinary, and large enough to saturate."""
    centre = dtype(rng.choice([0.0, 2.0**-6, 0.7, 3.0, 40.0]))
    step = np.spacing(centre if centre else dtype(np.finfo(dtype).eps / 4))
    return (centre + step * rng.integers(-4, 5, count)).astype(dtype)


def set_close_leaves(rng, learner):
    """Gives every leaf of an XGBoost model a close value."""
    for one in learner["gradient_booster"]["model"]["trees"]:
        leaves = [node for node, child in enumerate(one["left_children"]) if child == -1]
        for leaf, value in zip(leaves, close_values(rng, len(leaves), np.float32), strict=True):
            one["split_conditions"][leaf] = float(value)


def with_close_leaves(rng, text):
    """A LightGBM model with a close value in every leaf."""
    for one in lightgbm_cases.trees_of(text):
        values = close_values(rng, int(one["num_leaves"]), np.float64).tolist()
        old, new = (f"\nleaf_value={v}\n" for v in (one["leaf_value"], " ".join(map(repr, values))))
        text = text.replace(old, new, 1)
    return lightgbm_cases.resized(text)


def xgboost_base(model, outputs, features):
    """Where XGBoost's sums start: the margin of the same model with every leaf at zero."""

    def change(learner):
        for one in learner["gradient_booster"]["model"]["trees"]:
            for node, child in enumerate(one["left_children"]):
                one["split_conditions"][node] = 0.0 if child == -1 else one["split_conditions"][node]

    booster = xgboost_cases.loaded(xgboost_cases.edited(model, change))
    margin = booster.predict(xgb.DMatrix(np.zeros((1, features), np.float32)), output_margin=True)
    return margin.reshape(outputs).astype(np.longdouble)


def exact_sums(leaf, values, output_of_tree, shape):
    """Leaf values added up in extended precision. `values[t]` is leaf number -> value, or one value per output."""
    total = np.zeros(shape, np.longdouble)
    for number, column in enumerate(leaf.T):
        of_rows = np.asarray(values[number])[column]
        if of_rows.ndim == 2:
            total += of_rows
        else:
            total[:, output_of_tree[number]] += of_rows
    return total


def lightgbm_model(rng, folder):
    """A random LightGBM model."""
    objective = str(rng.choice(sorted(lightgbm_cases.OBJECTIVES)))
    dtype = np.float64 if rng.random() < 0.8 else np.float32
    rows = random_rows(rng, dtype, rng.choice([0.0, 0.05, 0.4]))
    z = random_target(rng, rows)
    params = {
        "num_leaves": int(rng.integers(2, 64)),
        "learning_rate": float(rng.choice([0.05, 0.3, 1.0])),
        "min_data_in_leaf": int(rng.choice([1, 5, 20])),
        "max_bin": int(rng.choice([4, 63, 255, 1023])),
        "lambda_l2": float(rng.choice([0, 1])),
        "zero_as_missing": bool(rng.random() < 0.25),
        "use_missing": bool(rng.random() < 0.8),
        "extra_trees": bool(rng.random() < 0.2),
        "boosting": str(rng.choice(["gbdt", "gbdt", "rf"])),
        "sigmoid": float(rng.choice([1.0, 1.0, 0.7, 2.0])),
        "boost_from_average": bool(rng.random() < 0.7),
    }
    if objective.startswith("multiclass"):
        params["num_class"] = int(rng.integers(2, 6))
        y = random_classes(rng, z, params["num_class"])
    else:
        y = lightgbm_cases.target(objective, z)
    ranked = objective in ("lambdarank", "rank_xendcg")
    if ranked:
        params["boosting"] = "gbdt"
    groups = np.diff(np.append(np.arange(0, len(rows), 10), len(rows))) if ranked else None
    params = lightgbm_cases.train_params(objective, int(rng.integers(1 << 30)), **params)
    booster = lgb.train(params, lgb.Dataset(rows, y, group=groups), int(rng.integers(1, 25)))
    text = booster.model_to_string()
    text = with_close_leaves(rng, text) if label_is_close(rng, objective) else text
    (folder / "model.txt").write_text(text)

    booster = lgb.Booster(model_str=text)
    outputs = booster.num_model_per_iteration()

    def ask(rows, **kind):
        return booster.predict(rows, num_threads=1, **kind).reshape(len(rows), -1)

    def leaves_of(rows):
        return ask(rows, pred_leaf=True).astype(np.uint32)

    rows = test_rows(rng, rows, lightgbm_cases.splits_in(text), leaves_of, inf=True)
    leaf, margin, prediction = leaves_of(rows), ask(rows, raw_score=True), ask(rows)
    values = [np.array(t["leaf_value"].split(), float) for t in lightgbm_cases.trees_of(text)]
    exact = exact_sums(leaf, values, [t % outputs for t in range(len(values))], margin.shape)
    if "\naverage_output\n" in text:
        margin, exact = margin / (len(values) // outputs), exact / (len(values) // outputs)
    how, label = lightgbm_cases.OBJECTIVES[objective]
    how = f"sigmoid:{params['sigmoid']}" if objective in ("binary", "multiclassova") else how
    labels = {
        None: lambda: None,
        "half": lambda: lightgbm_cases.wrapper_label(prediction[:, 0]),
        "argmax": lambda: prediction.argmax(axis=1).astype(np.uint32),
    }[label]()
    return Scored(
        what=f"lightgbm {objective} {params['boosting']} {len(values)} trees",
        path=folder / "model.txt",
        rows=rows,
        margin=margin,
        exact=exact,
        leaf=leaf,
        label=labels,
        probability=link(how, margin) if how.startswith(("sigmoid", "softmax")) else None,
    )


def random_estimator(rng):
    """An unfitted scikit-learn estimator, and whether it takes NaN."""
    seed = int(rng.integers(1 << 30))
    grown = {
        "max_depth": [None, 1, 3, 6, 12][rng.integers(5)],
        "min_samples_leaf": int(rng.choice([1, 1, 5])),
        "random_state": seed,
    }
    several = {"n_estimators": int(rng.integers(1, 16))}
    makers = [
        lambda: tree.DecisionTreeClassifier(**grown),
        lambda: tree.DecisionTreeRegressor(**grown),
        lambda: ensemble.RandomForestClassifier(**grown, **several),
        lambda: ensemble.RandomForestRegressor(**grown, **several),
        lambda: ensemble.ExtraTreesClassifier(**grown, **several),
        lambda: ensemble.ExtraTreesRegressor(**grown, **several),
        lambda: ensemble.GradientBoostingClassifier(**{**grown, **several, "max_depth": 3}),
        lambda: ensemble.GradientBoostingRegressor(**{**grown, **several, "max_depth": 4}),
        lambda: linear_model.LogisticRegression(C=float(rng.choice([0.01, 1, 100]))),
        lambda: linear_model.LinearRegression(),
        lambda: linear_model.Ridge(alpha=float(rng.choice([0.1, 10]))),
    ]
    return makers[rng.integers(len(makers))]()


def sklearn_model(rng, folder):
    """A random scikit-learn model."""
    estimator = random_estimator(rng)
    classes = int(rng.integers(2, 6))
    if isinstance(estimator, LINEAR):
        return linear_scored(rng, folder, estimator, classes)
    takes_nan = not isinstance(estimator, (ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor))
    rows = random_rows(rng, np.float32, rng.choice([0.0, 0.1]) if takes_nan else 0.0)
    z = random_target(rng, rows)
    estimator.fit(rows, random_classes(rng, z, classes) if hasattr(estimator, "predict_proba") else z)
    export(estimator, str(folder / "model.json"))

    def leaves_of(rows):
        return sklearn_cases.leaves_of(estimator, rows)

    rows = test_rows(rng, rows, sklearn_cases.splits_in(estimator), leaves_of, nan=takes_nan)
    margin, leaf = sklearn_cases.margin_of(estimator, rows), leaves_of(rows)
    trees = sklearn_cases.trees_of(estimator)
    if isinstance(estimator, (ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor)):
        values = [t.value[:, 0, 0] * estimator.learning_rate for t in trees]
        base = estimator._raw_predict_init(np.zeros((1, rows.shape[1]), np.float32))[0].astype(np.longdouble)
        exact = base + exact_sums(leaf, values, [t % margin.shape[1] for t in range(len(trees))], margin.shape)
    else:
        exact = exact_sums(leaf, [t.value[:, 0, :] for t in trees], None, margin.shape) / len(trees)
    return scored_by_sklearn(estimator, folder, rows, margin, exact, leaf=leaf)


def linear_scored(rng, folder, estimator, classes):
    """A linear model on rows of ordinary size."""
    count, features = int(rng.integers(40, 400)), int(rng.integers(1, 12))
    rows = rng.normal(size=(count, features)) * 10.0 ** rng.integers(-3, 4, features)
    z = random_target(rng, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # trained on f32, the coefficients are f32; on rows of f64 the library still computes in f64
        train = rows.astype(np.float32) if rng.random() < 0.3 else rows
        estimator.fit(train, random_classes(rng, z, classes) if hasattr(estimator, "predict_proba") else z)
    export(estimator, str(folder / "model.json"))
    margin = sklearn_cases.margin_of(estimator, rows)
    size = np.abs(rows) @ np.abs(np.atleast_2d(estimator.coef_)).T + np.abs(np.atleast_1d(estimator.intercept_))
    tolerance = 2 * (features + 2) * np.finfo(np.float64).eps * size
    contest = np.column_stack([np.zeros(count), margin]) if margin.shape[1] == 1 else np.sort(margin, axis=1)
    clear = np.abs(contest[:, -1] - contest[:, -2]) > 4 * tolerance.max(axis=1)  # no tie that rounding decides
    rows, margin, tolerance = rows[clear], margin[clear], tolerance[clear]
    return scored_by_sklearn(estimator, folder, rows, margin, None, tolerance=tolerance)


def scored_by_sklearn(estimator, folder, rows, margin, exact, **more):
    """What a fitted estimator answers."""
    classifier = hasattr(estimator, "predict_proba")
    return Scored(
        what=f"sklearn {type(estimator).__name__}",
        path=folder / "model.json",
        rows=rows,
        margin=margin,
        exact=exact,
        label=sklearn_cases.labels_of(estimator, rows) if classifier else None,
        probability=link(sklearn_cases.link_of(estimator), margin) if classifier else None,
        **more,
    )


LINEAR = (linear_model.LogisticRegression, linear_model.LinearRegression, linear_model.Ridge)
MAKERS = {"xgboost": xgboost_model, "lightgbm": lightgbm_model, "sklearn": sklearn_model}
