"""Golden cases of XGBoost, for whichever version is installed."""

import json
import pathlib
import tempfile

import numpy as np
import xgboost as xgb

from common import CASES, Case, edge_rows, link, signal, smallest_flip, splits_of, training_rows

VERSION = xgb.__version__
LATEST = "3.2.0"
TRAIN = 600

# objective -> (link from margin to prediction, how the scikit-learn wrapper turns a prediction into a label)
OBJECTIVES = {
    "reg:squarederror": ("identity", None),
    "reg:absoluteerror": ("identity", None),
    "reg:pseudohubererror": ("identity", None),
    "reg:squaredlogerror": ("identity", None),
    "reg:quantileerror": ("identity", None),
    "reg:logistic": ("sigmoid", None),
    "binary:logistic": ("sigmoid", "half"),
    "binary:logitraw": ("identity", "half"),
    "binary:hinge": (None, "prediction"),
    "multi:softmax": ("softmax", "prediction"),
    "multi:softprob": ("softmax", "argmax"),
    "count:poisson": ("exp", None),
    "reg:gamma": ("exp", None),
    "reg:tweedie": ("exp", None),
    "survival:cox": ("exp", None),
    "rank:pairwise": ("identity", None),
    "rank:ndcg": ("identity", None),
}


def target(objective, z):
    """A target of the kind that the objective wants."""
    if objective.startswith("binary") or objective == "reg:logistic":
        return (z > 0.5).astype(int)
    if objective.startswith(("multi", "rank")):
        return np.digitize(z, [-1.0, 1.0])
    if objective in ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "reg:squaredlogerror"):
        return np.ceil(np.abs(z)) + 1
    return z


def dmatrix(rows, missing, **more):
    """Rows as the library takes them; without a missing value only NaN is missing."""
    return xgb.DMatrix(rows, missing=np.nan if missing is None else missing, **more)


def trained(seed, objective, rounds=6, nan_rate=0.08, missing=None, early_stopping=None, noise=0.0, **params):
    """A booster and its training rows. `noise` is the share of targets drawn at random."""
    rng = np.random.default_rng(seed)
    rows = training_rows(rng, TRAIN, np.float32, nan_rate)
    y = target(objective, signal(rng, rows))
    y = np.where(rng.random(TRAIN) < noise, rng.permutation(y), y)
    if missing is not None:
        rows[np.isnan(rows)] = missing
    data = dmatrix(rows, missing, label=y)
    params = {"objective": objective, "max_depth": 3, "eta": 0.4, "nthread": 1, "seed": seed, **params}
    if objective.startswith("multi"):
        params["num_class"] = 3
    if objective == "reg:quantileerror":
        params["quantile_alpha"] = 0.7
    if objective.startswith("rank"):
        data.set_group([20] * (TRAIN // 20))
    watch = {}
    if early_stopping:
        held_out = training_rows(rng, 200, np.float32, nan_rate)
        held_out_y = target(objective, signal(rng, held_out))
        watch = {
            "evals": [(dmatrix(held_out, missing, label=held_out_y), "held_out")],
            "early_stopping_rounds": early_stopping,
            "verbose_eval": False,
        }
    return xgb.train(params, data, rounds, **watch), rows, rng


def saved(booster):
    """The bytes of the JSON file that the library saves."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.json"
        booster.save_model(path)
        return path.read_bytes()


def loaded(model):
    """A booster read back from such bytes."""
    booster = xgb.Booster({"nthread": 1})
    booster.load_model(bytearray(model))
    return booster


def trees_of(model):
    """The trees of a saved model, as the file lists them."""
    return json.loads(model)["learner"]["gradient_booster"]["model"]["trees"]


def splits_in(model):
    """Every split of a saved model."""
    found = []
    for index, tree in enumerate(trees_of(model)):
        left = tree["left_children"]
        found += splits_of(
            index,
            tree["split_indices"],
            tree["split_conditions"],
            left,
            tree["right_children"],
            lambda node: node if left[node] == -1 else None,
        )
    return found


def write(name, model, objective, train, rng, missing=None, iterations=None, notes=None):
    """Asks the library about a model's edge rows and writes the case."""
    booster = loaded(model)
    best = json.loads(model)["learner"].get("attributes", {}).get("best_iteration")
    picked = {"iteration_range": (0, int(best) + 1)} if iterations == "best" else {}

    def ask(rows, **kind):
        return booster.predict(dmatrix(rows, missing), **picked, **kind)

    def leaves_of(rows):
        return ask(rows, pred_leaf=True).reshape(len(rows), -1).astype(np.uint32)

    trees = trees_of(model)
    everything = splits_in(model)
    used = leaves_of(train[:2]).shape[1]
    rows = edge_rows(
        rng,
        train,
        [s for s in everything if s.tree < used],
        leaves_of,
        extra=[] if missing is None else [missing, np.nextafter(np.float32(missing), np.float32(np.inf))],
    )
    rows_2d = (len(rows), -1)
    how, label = OBJECTIVES[objective]
    margin = ask(rows, output_margin=True).reshape(rows_2d)
    prediction = ask(rows)
    case = Case(
        name,
        library="xgboost",
        version=VERSION,
        objective=objective,
        link=how,
        missing=missing,
        iterations=iterations,
        compare_at="f32",
        sum_at="f32",
        margin="bit-exact",
        base_score=json.loads(model)["learner"]["learner_model_param"]["base_score"],
        notes=notes,
    )
    case.arrays = {"rows": rows, "leaf": leaves_of(rows), "margin": margin}
    if how in ("sigmoid", "softmax", "exp"):
        case.arrays["probability"] = link(how, margin)
        own = prediction if objective != "multi:softmax" else None
        if own is not None:
            assert np.allclose(own.reshape(rows_2d), case.arrays["probability"], rtol=2e-6, atol=1e-30), name
    if label == "half":
        case.arrays["label"] = (prediction > 0.5).astype(np.uint32)
    elif label == "prediction":
        case.arrays["label"] = prediction.astype(np.uint32)
    elif label == "argmax":
        case.arrays["label"] = prediction.argmax(axis=1).astype(np.uint32)
    if objective.startswith("binary"):
        case.facts["flip"] = flip_of(objective)
    assert case.arrays["leaf"].shape[1] == used <= len(trees)
    case.write("model.json", model)


def flip_of(objective):
    """The smallest f32 margin that the library itself calls class 1: base_margin over leaves of zero."""
    rows = np.zeros((2, 1), np.float32)
    data = xgb.DMatrix(rows, label=[0, 1])
    booster = xgb.train({"objective": objective, "eta": 0.0, "max_depth": 1, "nthread": 1}, data, 1)

    def label_at(margin):
        data = xgb.DMatrix(rows[:1], base_margin=np.array([margin], np.float32))
        assert booster.predict(data, output_margin=True)[0] == np.float32(margin)
        return bool(booster.predict(data)[0] > 0.5)

    return smallest_flip(label_at, np.float32)


def objective_case(seed, objective, name=None, **how):
    """Trains and writes one case."""
    case = {key: how.pop(key) for key in ("missing", "iterations", "notes") if key in how}
    booster, train, rng = trained(seed, objective, missing=case.get("missing"), **how)
    model = saved(booster)
    name = f"xgboost-{VERSION}-{name or objective.replace(':', '-')}"
    write(name, model, objective, train, rng, **case)
    return model


def edited(model, change):
    """The file with its JSON changed in place."""
    document = json.loads(model)
    change(document["learner"])
    return json.dumps(document, separators=(",", ":")).encode()


def best_iteration_cases(seed):
    """One early-stopped file, read both ways."""
    booster, train, rng = trained(seed, "binary:logistic", rounds=30, early_stopping=3, eta=1.3, noise=0.6)
    model = saved(booster)
    best = int(json.loads(model)["learner"]["attributes"]["best_iteration"])
    assert best + 1 < len(trees_of(model)), "early stopping did not drop a tree"
    for iterations in ("best", "all"):
        name = f"xgboost-{VERSION}-{iterations}-iteration"
        write(name, model, "binary:logistic", train, np.random.default_rng(seed), iterations=iterations)


def multi_target_case(seed):
    """Two targets: one tree for each in every round."""
    rng = np.random.default_rng(seed)
    rows = training_rows(rng, TRAIN, np.float32, 0.08)
    z = signal(rng, rows)
    data = dmatrix(rows, None, label=np.column_stack([z, -np.abs(z)]))
    params = {"objective": "reg:squarederror", "max_depth": 3, "eta": 0.4, "nthread": 1, "seed": seed}
    model = saved(xgb.train(params, data, 4))
    write(f"xgboost-{VERSION}-multi-target", model, "reg:squarederror", rows, rng)


def parallel_best_case(seed):
    """Early stopping counts rounds, and a round is several trees: two per class here."""
    booster, train, rng = trained(
        seed,
        "multi:softprob",
        rounds=9,
        early_stopping=2,
        noise=0.6,
        eta=1.5,
        max_depth=2,
        num_parallel_tree=2,
        subsample=0.7,
    )
    model = saved(booster)
    best = int(json.loads(model)["learner"]["attributes"]["best_iteration"])
    assert (best + 1) * 6 < len(trees_of(model)), "early stopping did not drop a tree"
    write(f"xgboost-{VERSION}-best-iteration-parallel", model, "multi:softprob", train, rng, iterations="best")


def label_edge_case(seed):
    """Leaves put by hand on the margin where the label flips, and right below it."""
    booster, train, rng = trained(seed, "binary:logistic", rounds=1, max_depth=3, base_score=0.5)
    flip = np.float32(flip_of("binary:logistic"))
    values = [flip, np.nextafter(flip, np.float32(0)), 0.0, -0.0, 2 * flip, -flip, flip / 2, 1.0]

    def change(learner):
        tree = learner["gradient_booster"]["model"]["trees"][0]
        leaves = [i for i, child in enumerate(tree["left_children"]) if child == -1]
        for at, leaf in enumerate(leaves):
            tree["split_conditions"][leaf] = float(values[at % len(values)])

    model = edited(saved(booster), change)
    write(f"xgboost-{VERSION}-label-edge", model, "binary:logistic", train, rng, notes="leaf values set by hand")


def tie_cases(seed):
    """Classes whose margins differ by less than their probabilities can show: the objective decides the label."""
    booster, train, rng = trained(seed, "multi:softprob", rounds=1, max_depth=3, base_score=0.5)

    def change(learner):
        for k, tree in enumerate(learner["gradient_booster"]["model"]["trees"]):
            leaves = [i for i, child in enumerate(tree["left_children"]) if child == -1]
            for at, leaf in enumerate(leaves):
                steps = (at * (k + 1) * 5) % 23 - 8
                tree["split_conditions"][leaf] = float(np.float32(2.0**-6 + steps * 2.0**-27))
        learner["learner_model_param"]["base_score"] = zero

    zero = json.loads(saved(booster))["learner"]["learner_model_param"]["base_score"]
    zero = "[0E0,0E0,0E0]" if zero.startswith("[") else "0E0"
    for objective in ("multi:softprob", "multi:softmax"):

        def rename(learner):
            change(learner)
            learner["objective"]["name"] = objective

        model = edited(saved(booster), rename)
        name = f"xgboost-{VERSION}-{objective.partition(':')[2]}-ties"
        write(name, model, objective, train, np.random.default_rng(seed), notes="leaf values set by hand")


def number_case(seed):
    """The base score as a JSON number. No version writes it so; the answers are those of the string."""
    booster, train, rng = trained(seed, "binary:logistic", rounds=3)
    model = saved(booster)
    name = f"xgboost-{VERSION}-base-score-number"
    write(
        name, model, "binary:logistic", train, rng, notes="base_score rewritten as a number after the library answered"
    )

    def change(learner):
        learner["learner_model_param"]["base_score"] = float(learner["learner_model_param"]["base_score"].strip("[]"))

    (CASES / name / "model.json").write_bytes(edited(model, change))


def run():
    """Every case of the installed version."""
    objective_case(1, "reg:squarederror")
    objective_case(2, "binary:logistic")
    objective_case(3, "multi:softprob", rounds=3)
    objective_case(4, "count:poisson", rounds=5)
    best_iteration_cases(50)
    if VERSION in ("1.7.6", LATEST):
        objective_case(6, "multi:softmax", rounds=3)
        objective_case(7, "rank:pairwise")
        objective_case(8, "binary:hinge", rounds=5)
        objective_case(9, "binary:logitraw", rounds=5)
        objective_case(10, "reg:gamma", rounds=5)
        objective_case(11, "reg:tweedie", rounds=5)
        objective_case(12, "binary:logistic", "forest", rounds=2, num_parallel_tree=4, subsample=0.6, base_score=0.3)
        objective_case(13, "reg:squarederror", "missing-999", missing=-999.0, rounds=5)
    if VERSION != LATEST:
        return
    objective_case(14, "reg:squarederror", "no-missing-seen", nan_rate=0.0)
    objective_case(15, "reg:squarederror", "missing-zero", missing=0.0, rounds=5)
    objective_case(16, "reg:squarederror", "exact", tree_method="exact", rounds=5)
    objective_case(17, "reg:squarederror", "lossguide", grow_policy="lossguide", max_depth=0, max_leaves=40, rounds=3)
    objective_case(18, "binary:logistic", "stump", rounds=1, max_depth=1, base_score=0.5)
    objective_case(19, "reg:squarederror", "pruned", rounds=5, gamma=12.0, max_depth=4, tree_method="exact")
    objective_case(20, "reg:squarederror", "single-leaf", rounds=3, gamma=1e6, base_score=0.25)
    objective_case(21, "multi:softprob", "forest-multi", rounds=2, num_parallel_tree=2, subsample=0.6)
    objective_case(22, "rank:ndcg", rounds=5)
    objective_case(23, "reg:absoluteerror", rounds=5)
    objective_case(24, "reg:logistic", rounds=5)
    objective_case(25, "reg:squarederror", "deep", rounds=2, max_depth=10, min_child_weight=0, eta=1.0)
    parallel_best_case(26)
    label_edge_case(27)
    tie_cases(28)
    number_case(29)
    multi_target_case(30)
    objective_case(31, "reg:pseudohubererror", rounds=3)
    objective_case(32, "reg:squaredlogerror", rounds=3)
    objective_case(33, "reg:quantileerror", rounds=3)
    objective_case(34, "survival:cox", rounds=3)
