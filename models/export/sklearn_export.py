"""Write a fitted scikit-learn model as JSON that Tautochrone reads. No pickle, nothing executable.

    from sklearn_export import export
    export(estimator, "model.json")

Trees are read from `tree_`, linear models from `coef_` and `intercept_`. Arrays are base64 of
little-endian bytes, so every float arrives with the same bits. Needs numpy and scikit-learn only.
"""

import base64
import json

import numpy as np
import sklearn
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.validation import check_is_fitted

VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def export(estimator, path):
    """Write `estimator` to `path`. Raises ValueError for a model that has no exact JSON form."""
    model = describe(estimator)
    document = {
        "format": "tautochrone-sklearn",
        "format_version": 1,
        "library_version": sklearn.__version__,
        "model": model,
    }
    text = json.dumps(document, allow_nan=False)
    with open(path, "w", encoding="ascii") as out:
        out.write(text)


def describe(estimator):
    kind = type(estimator)  # the exact class: a subclass may predict differently
    if kind not in PARTS:
        known = ", ".join(sorted(known.__name__ for known in PARTS))
        raise ValueError(
            f"{kind.__name__} cannot be exported; known are: {known}. Of a Pipeline or a search, "
            "export the fitted model inside, and give it rows that are already transformed."
        )
    check_is_fitted(estimator)
    outputs = getattr(estimator, "n_outputs_", 1)
    if outputs != 1:
        raise ValueError(f"a model with {outputs} target columns cannot be exported; fit one each")
    names = getattr(estimator, "feature_names_in_", None)
    return {
        "estimator": kind.__name__,
        "n_features": int(estimator.n_features_in_),
        "feature_names": None if names is None else [str(name) for name in names],
        "classes": classes(estimator),
        **PARTS[kind](estimator),
    }


def classes(estimator):
    labels = getattr(estimator, "classes_", None)
    if labels is None:
        return None
    if len(labels) < 2:
        raise ValueError("the classifier saw one class only, so there is nothing to decide")
    return [str(label) for label in labels.tolist()]


def single_tree(estimator):
    return {"trees": [tree(estimator.tree_, 0, hasattr(estimator, "classes_"))]}


def forest(estimator):
    classify = hasattr(estimator, "classes_")
    return {"trees": [tree(one.tree_, 0, classify) for one in estimator.estimators_]}


def boosting(estimator):
    if hasattr(estimator, "classes_") and VERSION < (1, 4):
        raise ValueError("GradientBoostingClassifier needs scikit-learn 1.4 or later to export")
    constant = ("prior", "most_frequent", "constant", "mean", "median", "quantile")
    init = estimator.init_
    if not (isinstance(init, str) and init == "zero") and not (
        type(init) in (DummyClassifier, DummyRegressor) and init.strategy in constant
    ):
        raise ValueError("a boosting model with its own init estimator cannot be exported")
    # the init is constant, so any row shows where the sum starts
    base = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))
    return {
        "loss": estimator.loss,
        "learning_rate": float(estimator.learning_rate),
        "base": array(base.ravel(), "<f8"),
        "trees": [
            tree(one.tree_, output, False)
            for stage in estimator.estimators_
            for output, one in enumerate(stage)
        ],
    }


def tree(t, output, classify):
    value = t.value[:, 0, :]
    if classify and VERSION < (1, 3):  # counts then, which predict_proba divides by their sum
        total = value.sum(axis=1)[:, np.newaxis]
        total[total == 0.0] = 1.0
        value = value / total
    parts = {
        "output": output,
        "left": array(t.children_left, "<i4"),
        "right": array(t.children_right, "<i4"),
        "feature": array(t.feature, "<i4"),
        "threshold": array(t.threshold, "<f8"),
        "value": array(value, "<f8"),
    }
    if hasattr(t, "missing_go_to_left"):
        parts["missing_left"] = array(t.missing_go_to_left, "|u1")
    return parts


def logistic(estimator):
    count = len(estimator.classes_)
    mode = getattr(estimator, "multi_class", None)
    one_by_one = estimator.solver == "liblinear" or (
        estimator.solver == "newton-cholesky" and VERSION < (1, 6)
    )
    if mode is None:  # from 1.8 on
        rest = count == 2
    else:
        rest = mode in ("ovr", "warn") or (
            mode in ("auto", "deprecated") and (count == 2 or one_by_one)
        )
    link = "one_versus_rest" if rest else "softmax"
    return {"link": link, **linear(estimator)}


def linear(estimator):
    coefficients = np.atleast_2d(estimator.coef_)
    outputs = len(coefficients)
    if not np.issubdtype(coefficients.dtype, np.floating):
        raise ValueError("the coefficients are sparse; call densify() first")
    if outputs != 1 and not hasattr(estimator, "classes_"):
        raise ValueError(f"a model with {outputs} target columns cannot be exported; fit one each")
    intercepts = np.broadcast_to(np.ravel(estimator.intercept_), (outputs,))
    return {"coef": array(coefficients, "<f8"), "intercept": array(intercepts, "<f8")}


def array(values, dtype):
    values = np.ascontiguousarray(values, dtype=dtype)
    data = base64.b64encode(values.tobytes()).decode("ascii")
    return {"dtype": dtype, "shape": list(values.shape), "data": data}


PARTS = {
    DecisionTreeClassifier: single_tree,
    DecisionTreeRegressor: single_tree,
    RandomForestClassifier: forest,
    RandomForestRegressor: forest,
    ExtraTreesClassifier: forest,
    ExtraTreesRegressor: forest,
    GradientBoostingClassifier: boosting,
    GradientBoostingRegressor: boosting,
    LogisticRegression: logistic,
    LinearRegression: linear,
    Ridge: linear,
}
