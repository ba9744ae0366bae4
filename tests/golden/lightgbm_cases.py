"""Golden cases of LightGBM, for whichever version is installed."""

import lightgbm as lgb
import numpy as np

from common import Case, edge_rows, link, signal, smallest_flip, splits_of, training_rows

VERSION = lgb.__version__
LATEST = "4.7.0"
TRAIN = 600

# objective -> (link from margin to prediction, how the scikit-learn wrapper turns a prediction into a label)
OBJECTIVES = {
    "regression": ("identity", None),
    "regression_l1": ("identity", None),
    "huber": ("identity", None),
    "quantile": ("identity", None),
    "binary": ("sigmoid", "half"),
    "multiclass": ("softmax", "argmax"),
    "multiclassova": ("sigmoid", "argmax"),
    "cross_entropy": ("sigmoid", None),
    "poisson": ("exp", None),
    "gamma": ("exp", None),
    "tweedie": ("exp", None),
    "lambdarank": ("identity", None),
    "rank_xendcg": ("identity", None),
}


def target(objective, z):
    """A target of the kind that the objective wants."""
    if objective == "binary":
        return (z > 0.5).astype(int)
    if objective.startswith("multiclass") or objective in ("lambdarank", "rank_xendcg"):
        return np.digitize(z, [-1.0, 1.0])
    if objective == "cross_entropy":
        return link("sigmoid", z)
    if objective in ("poisson", "gamma", "tweedie"):
        return np.ceil(np.abs(z)) + 1
    return z


def train_params(objective, seed, **params):
    """Small, quiet, repeatable."""
    base = {
        "objective": objective,
        "num_leaves": 8,
        "learning_rate": 0.3,
        "min_data_in_leaf": 5,
        "num_threads": 1,
        "seed": seed,
        "deterministic": True,
        "verbose": -1,
    }
    if objective.startswith("multiclass"):
        base["num_class"] = 3
    if params.get("boosting") == "rf":
        base |= {"bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.8}
    return base | params


def trained(seed, objective, rounds=6, nan_rate=0.08, zero_rate=0.1, dtype=np.float64, **params):
    """The text of a trained model, and its training rows."""
    rng = np.random.default_rng(seed)
    rows = training_rows(rng, TRAIN, dtype, nan_rate, zero_rate)
    groups = [20] * (TRAIN // 20) if objective in ("lambdarank", "rank_xendcg") else None
    data = lgb.Dataset(rows, target(objective, signal(rng, rows)), group=groups)
    return lgb.train(train_params(objective, seed, **params), data, rounds).model_to_string(), rows, rng


def trees_of(text):
    """The trees of a model file, each as its lines `key=value`."""
    blocks = text.split("\nTree=")[1:]
    return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]


def resized(text):
    """The file with `tree_sizes` as its trees are: the library reads trees by these lengths."""
    body = text[text.index("\nTree=") + 1 : text.index("end of trees")]
    sizes = [str(len("Tree=" + block)) for block in body.split("Tree=")[1:]]
    lines = [f"tree_sizes={' '.join(sizes)}" if line.startswith("tree_sizes=") else line for line in text.split("\n")]
    return "\n".join(lines)


def splits_in(text):
    """Every split of a model file. A negative child is a leaf: the complement of its number."""
    found = []
    for index, tree in enumerate(trees_of(text)):
        if int(tree["num_leaves"]) == 1:
            continue
        left, right, feature = (
            [int(v) for v in tree[key].split()] for key in ("left_child", "right_child", "split_feature")
        )
        threshold = [float(v) for v in tree["threshold"].split()]
        found += splits_of(index, feature, threshold, left, right, lambda node: ~node if node < 0 else None)
    return found


def write(name, text, objective, train, rng, sigmoid_scale=1.0, notes=None, **facts):
    """Asks the library about a model's edge rows and writes the case."""
    booster = lgb.Booster(model_str=text)
    outputs = booster.num_model_per_iteration()

    def leaves_of(rows):
        return booster.predict(rows, pred_leaf=True, num_threads=1).reshape(len(rows), -1).astype(np.uint32)

    rows = edge_rows(rng, train, splits_in(text), leaves_of, inf=True, extra=[1e-35, np.float32(1e-35), -1e-36])
    shape = (len(rows), outputs)
    how, label = OBJECTIVES[objective]
    margin = booster.predict(rows, raw_score=True, num_threads=1).reshape(shape)
    prediction = booster.predict(rows, num_threads=1).reshape(shape)
    if "\naverage_output\n" in text:
        # predict divides, raw_score does not; the margin that the link sees is the divided one
        margin = margin / (booster.num_trees() // outputs)
        notes = "margin is raw_score divided by the number of iterations: predict divides, raw_score does not"
    if how == "identity":
        assert np.array_equal(margin, prediction), name
    case = Case(
        name,
        library="lightgbm",
        version=VERSION,
        objective=objective,
        link=f"sigmoid:{sigmoid_scale}" if how == "sigmoid" else how,
        missing=None,
        iterations=None,
        compare_at="f64",
        sum_at="f64",
        margin="bit-exact",
        notes=notes,
        **facts,
    )
    case.arrays = {"rows": rows, "leaf": leaves_of(rows), "margin": margin}
    if how != "identity":
        case.arrays["probability"] = link(case.facts["link"], margin)
        assert np.allclose(prediction, case.arrays["probability"], rtol=1e-12, atol=1e-300), name
    if label == "half":
        case.arrays["label"] = wrapper_label(prediction[:, 0])
        case.facts["flip"] = flip_of(sigmoid_scale)
    elif label == "argmax":
        case.arrays["label"] = prediction.argmax(axis=1).astype(np.uint32)
    case.write("model.txt", text.encode())


def wrapper_label(probability):
    """`LGBMClassifier.predict`: the first largest of (1 - p, p)."""
    return np.argmax(np.vstack((1.0 - probability, probability)), axis=0).astype(np.uint32)


def flip_of(sigmoid_scale):
    """The smallest margin that is class 1: a model of one leaf, rewritten with each margin in turn."""
    rows = np.random.default_rng(0).normal(size=(40, 1))
    params = train_params("binary", 0, min_data_in_leaf=40, sigmoid=sigmoid_scale)
    text = lgb.train(params, lgb.Dataset(rows, np.arange(40) % 4 == 0), 1).model_to_string()
    value = trees_of(text)[0]["leaf_value"]

    def label_at(margin):
        booster = lgb.Booster(model_str=resized(text.replace(f"leaf_value={value}", f"leaf_value={margin!r}")))
        assert booster.predict(rows[:1], raw_score=True)[0] == margin
        return bool(wrapper_label(booster.predict(rows[:1]))[0])

    return smallest_flip(lambda margin: label_at(float(margin)), np.float64)


def objective_case(seed, objective, name=None, notes=None, **how):
    """Trains and writes one case."""
    text, train, rng = trained(seed, objective, **how)
    write(
        f"lightgbm-{VERSION}-{name or objective}",
        text,
        objective,
        train,
        rng,
        sigmoid_scale=how.get("sigmoid", 1.0),
        notes=notes,
    )
    return text


def decisions(text):
    """The decision types that a file uses: bit 1 is default-left, bits 2 and 3 the missing type."""
    return {int(v) for tree in trees_of(text) for v in tree["decision_type"].split()}


def chain_rows(rng):
    """Rows and targets on which each split cuts off a few rows, on another side of another column."""
    group = np.repeat(np.arange(31), 20)
    rows = np.empty((len(group), 3))
    for feature in range(3):
        sign = -1 if feature == 1 else 1
        later = 100 + rng.random(len(group))
        rows[:, feature] = sign * np.where(group % 3 == feature, group + 0.5 * rng.random(len(group)), later)
    return rows, 1000 * 0.4**group


def chain_params(seed, **params):
    """Nothing that would stop a split."""
    unlimited = {"min_data_in_leaf": 1, "min_data_in_bin": 1, "min_sum_hessian_in_leaf": 0, "max_bin": 1023}
    return train_params("regression", seed, num_leaves=31, boost_from_average=False, **unlimited, **params)


def depth(node):
    """Splits on the longest path of a dumped tree."""
    return 1 + max(depth(node["left_child"]), depth(node["right_child"])) if "split_feature" in node else 0


def chain_case(seed):
    """31 leaves, deeper than 20."""
    rng = np.random.default_rng(seed)
    rows, target = chain_rows(rng)
    booster = lgb.train(chain_params(seed, learning_rate=0.5), lgb.Dataset(rows, target), 4)
    depths = [depth(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    assert min(depths) > 20 and all(t["num_leaves"] == "31" for t in trees_of(booster.model_to_string())), depths
    write(f"lightgbm-{VERSION}-chain", booster.model_to_string(), "regression", rows, rng, depth=max(depths))


def single_leaf_cases(seed):
    """No split at all; and a first tree with splits before trees without."""
    objective_case(seed, "regression", "single-leaf", min_data_in_leaf=TRAIN)
    text, train, rng = trained(seed, "multiclass", rounds=2, min_gain_to_split=60.0)
    leaves = {int(tree["num_leaves"]) for tree in trees_of(text)}
    assert 1 in leaves and len(leaves) > 1, leaves
    write(f"lightgbm-{VERSION}-some-single-leaf", text, "multiclass", train, rng)


def label_edge_case(seed):
    """Leaves put by hand on the margin where the label flips, and right below it."""
    text, train, rng = trained(seed, "binary", rounds=1)
    flip = flip_of(1.0)
    values = [flip, float(np.nextafter(flip, 0)), 0.0, -0.0, 2 * flip, -flip, flip / 2, 1.0]
    old = trees_of(text)[0]["leaf_value"]
    text = text.replace(f"leaf_value={old}", "leaf_value=" + " ".join(map(repr, values)))
    write(f"lightgbm-{VERSION}-label-edge", resized(text), "binary", train, rng, notes="leaf values set by hand")


def tiny_threshold_case(seed):
    """Thresholds moved by hand to where LightGBM's dense rows are zeroed: |x| <= 1e-35f reads as 0."""
    text, train, rng = trained(seed, "regression", rounds=3)
    values = [1e-36, -1e-36, 0.0, 5e-324, float(np.float32(1e-35)), -1e-35, 2e-35]
    for index, tree in enumerate(trees_of(text)):
        old = tree["threshold"]
        new = " ".join(repr(values[(i + index) % len(values)]) for i in range(len(old.split())))
        text = text.replace(f"\nthreshold={old}\n", f"\nthreshold={new}\n")
    write(
        f"lightgbm-{VERSION}-tiny-thresholds", resized(text), "regression", train, rng, notes="thresholds set by hand"
    )


def tie_case(seed):
    """Classes whose margins differ by less than their probabilities can show."""
    text, train, rng = trained(seed, "multiclass", rounds=1)
    for k, tree in enumerate(trees_of(text)):
        count = int(tree["num_leaves"])
        values = [2.0**-6 + ((at * (k + 1) * 5) % 23 - 8) * 2.0**-56 for at in range(count)]
        text = text.replace(f"leaf_value={tree['leaf_value']}", "leaf_value=" + " ".join(map(repr, values)))
    write(
        f"lightgbm-{VERSION}-multiclass-ties", resized(text), "multiclass", train, rng, notes="leaf values set by hand"
    )


def run():
    """Every case of the installed version."""
    text = objective_case(1, "regression")
    assert {8, 10} <= decisions(text), "NaN goes both ways"
    objective_case(2, "binary")
    objective_case(3, "multiclass", rounds=3)
    text = objective_case(4, "regression", "zero-as-missing", zero_as_missing=True, zero_rate=0.3)
    assert {4, 6} <= decisions(text), "zero goes both ways"
    objective_case(5, "regression", "rf", boosting="rf", rounds=7)
    chain_case(6)
    objective_case(7, "regression", "single-leaf-only", min_data_in_leaf=TRAIN)
    if VERSION != LATEST:
        return
    text = objective_case(8, "regression", "no-use-missing", use_missing=False)
    assert decisions(text) <= {0, 2}
    objective_case(9, "multiclassova", rounds=3)
    objective_case(10, "cross_entropy", rounds=4)
    objective_case(11, "poisson", rounds=4)
    objective_case(12, "gamma", rounds=4)
    objective_case(13, "tweedie", rounds=4)
    objective_case(14, "lambdarank", rounds=4)
    objective_case(15, "rank_xendcg", rounds=4)
    objective_case(16, "binary", "rf-binary", boosting="rf", rounds=6)
    objective_case(17, "multiclass", "rf-multiclass", boosting="rf", rounds=3)
    objective_case(18, "binary", "sigmoid-scale", sigmoid=0.7, rounds=4)
    objective_case(19, "regression", "no-missing-seen", nan_rate=0.0, rounds=4)
    objective_case(20, "regression", "f32-rows", dtype=np.float32, rounds=4)
    objective_case(21, "regression_l1", rounds=4)
    objective_case(22, "huber", rounds=4)
    objective_case(23, "quantile", rounds=4)
    objective_case(24, "binary", "unbalanced", is_unbalance=True, rounds=4)
    objective_case(25, "regression", "extra-trees", extra_trees=True, rounds=4)
    objective_case(26, "regression", "leaves-64", num_leaves=64, min_data_in_leaf=2, rounds=2)
    single_leaf_cases(27)
    label_edge_case(28)
    tiny_threshold_case(29)
    tie_case(31)
    objective_case(30, "binary", "zero-as-missing-rf", zero_as_missing=True, zero_rate=0.3, boosting="rf", rounds=3)
