"""Golden cases of scikit-learn, for whichever version is installed, saved by our own exporter."""

import pathlib
import sys
import warnings

import numpy as np
import sklearn
from sklearn import ensemble, linear_model, tree

from common import Case, edge_rows, link, signal, smallest_flip, splits_of, training_rows

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models" / "export"))
from sklearn_export import export  # noqa: E402

VERSION = sklearn.__version__
LATEST = "1.9.1"
OLDEST = "1.2.2"  # its trees take no NaN; its classifiers keep counts, and divide when they predict
TRAIN = 500
CLASSES = np.array(["ash", "birch", "oak"])


def trees_of(estimator):
    """The fitted `tree_` objects in the order in which the library adds them."""
    if hasattr(estimator, "tree_"):
        return [estimator.tree_]
    return [one.tree_ for one in np.ravel(estimator.estimators_)]


def splits_in(estimator):
    """Every split; leaves are numbered as `apply` numbers them, by node."""
    found = []
    for index, t in enumerate(trees_of(estimator)):
        left = t.children_left
        leaf_id = lambda node: int(node) if left[node] == -1 else None  # noqa: E731
        found += splits_of(index, t.feature, t.threshold, left, t.children_right, leaf_id)
    return found


# scikit-learn adds up all values of an array to see at a glance whether all are finite, and looks again where they are
# not. On rows of the largest floats of both signs numpy says that this sum is not a number: no fault of anyone.
any_sum = np.errstate(invalid="ignore")


@any_sum
def leaves_of(estimator, rows):
    """rows x trees, as `apply` numbers leaves."""
    return np.asarray(estimator.apply(rows)).reshape(len(rows), -1).astype(np.uint32)


@any_sum
def margin_of(estimator, rows):
    """What the library computes before its link: rows x outputs."""
    if hasattr(estimator, "decision_function"):
        margin = estimator.decision_function(rows)
    elif hasattr(estimator, "predict_proba"):
        margin = estimator.predict_proba(rows)
    else:
        margin = estimator.predict(rows)
    return np.asarray(margin, np.float64).reshape(len(rows), -1)


def link_of(estimator):
    """The link between margin and `predict_proba`."""
    if not hasattr(estimator, "predict_proba"):
        return "identity"
    if not hasattr(estimator, "decision_function"):
        return "proportion"
    if len(estimator.classes_) == 2:
        return "sigmoid:2" if getattr(estimator, "loss", None) == "exponential" else "sigmoid"
    return "one-versus-rest" if getattr(estimator, "multi_class", None) == "ovr" else "softmax"


@any_sum
def labels_of(estimator, rows):
    """Index of each predicted class in `classes_`."""
    return np.searchsorted(estimator.classes_, estimator.predict(rows)).astype(np.uint32)


@any_sum
def write(name, estimator, rows, compare_at, margin, notes=None, **arrays):
    """Asks the library about these rows and writes the case."""
    case = Case(
        f"sklearn-{VERSION}-{name}",
        library="sklearn",
        version=VERSION,
        objective=type(estimator).__name__,
        link=link_of(estimator),
        missing=None,
        iterations=None,
        compare_at=compare_at,
        sum_at="f64",
        margin=margin,
        notes=notes,
    )
    case.arrays = {"rows": rows, "margin": margin_of(estimator, rows), **arrays}
    if hasattr(estimator, "classes_"):
        case.arrays["probability"] = link(case.facts["link"], case.arrays["margin"])
        own = estimator.predict_proba(rows)
        own = own if case.arrays["margin"].shape[1] > 1 else own[:, 1:]
        assert np.allclose(own, case.arrays["probability"], rtol=1e-12, atol=1e-300), name
        case.arrays["label"] = labels_of(estimator, rows)
        case.facts["classes"] = [str(c) for c in estimator.classes_]
    if link_of(estimator).startswith("sigmoid"):
        case.facts["flip"] = flip_of(estimator)
    case.write("model.json", lambda path: export(estimator, str(path)))


def flip_of(estimator):
    """The smallest margin that the library's own `predict` calls class 1."""
    rows = np.random.default_rng(0).normal(size=(20, 1))
    y = np.arange(20) % 2
    if isinstance(estimator, linear_model.LogisticRegression):
        probe = linear_model.LogisticRegression().fit(rows, y)
        probe.coef_[:] = 0

        def set_margin(margin):
            probe.intercept_[:] = margin

    else:
        settings = {"n_estimators": 1, "max_depth": 1, "learning_rate": 1.0, "init": "zero", "loss": estimator.loss}
        probe = ensemble.GradientBoostingClassifier(**settings).fit(rows, y)

        def set_margin(margin):
            probe.estimators_[0, 0].tree_.value[:] = margin

    def label_at(margin):
        set_margin(margin)
        assert probe.decision_function(rows[:1])[0] == margin
        return bool(probe.predict(rows[:1])[0])

    return smallest_flip(label_at, np.float64)


def target(estimator, z):
    """Classes as strings, integers or booleans, or a number."""
    if isinstance(estimator, (ensemble.RandomForestClassifier, tree.DecisionTreeClassifier)):
        return CLASSES[np.digitize(z, [-1.0, 1.0])]
    if hasattr(estimator, "predict_proba"):
        return (z > 0.5).astype(int)
    return z


def tree_case(seed, name, estimator, nan_rate=0.0, takes_nan=True, y=None, noise=0.0, rows=TRAIN):
    """Fits a tree model on f32 rows and writes its case."""
    rng = np.random.default_rng(seed)
    if VERSION == OLDEST:
        nan_rate, takes_nan = 0.0, False
    train = training_rows(rng, rows, np.float32, nan_rate)
    z = signal(rng, train) + noise * rng.normal(size=rows)
    estimator.fit(train, (y or (lambda z: target(estimator, z)))(z))
    edges = edge_rows(rng, train, splits_in(estimator), lambda r: leaves_of(estimator, r), nan=takes_nan)
    write(name, estimator, edges, "f32", "bit-exact", leaf=leaves_of(estimator, edges))


def linear_case(seed, name, estimator, y):
    """Fits a linear model. BLAS adds in an order of its own: the bound is that of any order, twice."""
    rng = np.random.default_rng(seed)
    train = rng.normal(size=(TRAIN, 6)) * 10.0 ** rng.integers(-2, 3, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(train, y(train @ rng.normal(size=6) / 50 + rng.normal(size=TRAIN)))
    rows = np.concatenate([train[:60], train[:20] * 1e6, train[:20] * 1e-9, np.diag(np.full(6, 3.0)), np.zeros((1, 6))])
    rows[::7, rng.integers(0, 6, len(rows[::7]))] = 0.0
    coefficients, intercept = np.atleast_2d(estimator.coef_), np.atleast_1d(estimator.intercept_)
    size = np.abs(rows) @ np.abs(coefficients).T + np.abs(intercept)
    tolerance = 2 * (rows.shape[1] + 2) * np.finfo(np.float64).eps * size
    margin = margin_of(estimator, rows)
    best_two = (
        np.sort(margin, axis=1)[:, -2:] if margin.shape[1] > 1 else np.column_stack([np.zeros(len(rows)), margin])
    )
    clear = np.abs(best_two[:, 1] - best_two[:, 0]) > 4 * tolerance.max(axis=1)
    write(
        name,
        estimator,
        rows[clear],
        "f64",
        "tolerance",
        notes="tolerance.npy: 2 (features + 2) 2^-52 (sum |c x| + |b|), the reordering bound of both sums",
        tolerance=tolerance[clear],
    )


def run():
    """Every case of the installed version."""
    two = lambda z: z > 0  # noqa: E731
    three = lambda z: CLASSES[np.digitize(z, [-1.0, 1.0])]  # noqa: E731
    shared = {"random_state": 0}
    tree_case(1, "tree-classifier", tree.DecisionTreeClassifier(max_depth=5, **shared), nan_rate=0.1)
    tree_case(2, "tree-regressor", tree.DecisionTreeRegressor(max_depth=5, **shared), nan_rate=0.1)
    forest = {"n_estimators": 6, "max_depth": 4, **shared}
    tree_case(3, "forest-classifier", ensemble.RandomForestClassifier(**forest), nan_rate=0.1)
    tree_case(4, "forest-regressor", ensemble.RandomForestRegressor(**forest), nan_rate=0.1)
    boosted = {"n_estimators": 6, "max_depth": 3, "learning_rate": 0.3, **shared}
    if VERSION != OLDEST:
        tree_case(5, "boosting-binary", ensemble.GradientBoostingClassifier(**boosted), takes_nan=False)
    tree_case(6, "boosting-regressor", ensemble.GradientBoostingRegressor(**boosted), takes_nan=False)
    linear_case(7, "logistic-binary", linear_model.LogisticRegression(max_iter=1000), two)
    if VERSION != LATEST:
        ovr = linear_model.LogisticRegression(multi_class="ovr", max_iter=1000)
        linear_case(8, "logistic-ovr", ovr, three)
        return
    linear_case(9, "logistic-multinomial", linear_model.LogisticRegression(max_iter=1000), three)
    linear_case(10, "linear-regression", linear_model.LinearRegression(), lambda z: z)
    linear_case(11, "linear-no-intercept", linear_model.LinearRegression(fit_intercept=False), lambda z: z)
    linear_case(12, "ridge", linear_model.Ridge(alpha=3.0), lambda z: z)
    three_boosted = ensemble.GradientBoostingClassifier(**{**boosted, "n_estimators": 3})
    tree_case(13, "boosting-multi", three_boosted, takes_nan=False, y=three)
    exponential = ensemble.GradientBoostingClassifier(loss="exponential", **boosted)
    tree_case(14, "boosting-exponential", exponential, takes_nan=False)
    tree_case(15, "boosting-zero", ensemble.GradientBoostingRegressor(init="zero", **boosted), takes_nan=False)
    tree_case(16, "boosting-huber", ensemble.GradientBoostingRegressor(loss="huber", **boosted), takes_nan=False)
    unlimited = {"n_estimators": 5, **shared}
    tree_case(17, "forest-unlimited", ensemble.RandomForestClassifier(**unlimited), noise=2.0, rows=200)
    tree_case(18, "forest-regressor-unlimited", ensemble.RandomForestRegressor(**unlimited), rows=120)
    tree_case(19, "extra-classifier", ensemble.ExtraTreesClassifier(**forest), y=three)
    tree_case(20, "extra-regressor", ensemble.ExtraTreesRegressor(**forest), nan_rate=0.1)
    tree_case(21, "extra-unlimited", ensemble.ExtraTreesClassifier(**unlimited), y=two, rows=150)
    tree_case(22, "forest-booleans", ensemble.RandomForestClassifier(**forest), y=two)
    tree_case(
        23,
        "forest-integers",
        ensemble.RandomForestClassifier(**forest),
        y=lambda z: np.digitize(z, [-1, 0, 1]) * 10 - 7,
    )
    tree_case(24, "tree-entropy", tree.DecisionTreeClassifier(criterion="entropy", max_leaf_nodes=20, **shared), y=two)
    tree_case(25, "tree-unlimited", tree.DecisionTreeClassifier(**shared), noise=1.0, rows=150)
    tree_case(26, "tree-weighted", tree.DecisionTreeClassifier(class_weight="balanced", max_depth=4, **shared))
    tree_case(27, "tree-single-leaf", tree.DecisionTreeRegressor(min_samples_leaf=TRAIN, **shared))
    tree_case(28, "forest-no-missing-seen", ensemble.RandomForestRegressor(**forest))
    tree_case(
        29,
        "forest-ties",
        ensemble.RandomForestClassifier(**{**forest, "n_estimators": 4, "max_depth": None}),
        y=two,
        noise=3.0,
        rows=60,
    )
