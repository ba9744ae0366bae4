"""Writes sklearn-VERSION-*.json and .golden with the installed scikit-learn (1.2.2, 1.6.1 and 1.9.1
were used).

python make_sklearn.py
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import sklearn
from golden import bits, rows_around
from sklearn.ensemble import *
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "export"))
from sklearn_export import VERSION, export

warnings.filterwarnings("ignore")


def cases(x, holes, y, two, three):
    depth = {"max_depth": 3, "random_state": 1}
    small = {**depth, "n_estimators": 5}
    names = np.array(["ash", "birch", "cedar"])
    yield "tree", DecisionTreeClassifier(**depth), x, names[three]
    yield "treereg", DecisionTreeRegressor(**depth), x, y
    yield "forest", RandomForestClassifier(**small), x, three
    yield "forestreg", RandomForestRegressor(**small), x, y
    yield "extra", ExtraTreesClassifier(**small), x, two
    yield "extrareg", ExtraTreesRegressor(**small), x, y
    if VERSION >= (1, 3):
        yield "holes", DecisionTreeClassifier(**depth), holes, np.isnan(holes[:, 0]).astype(int) + two
        yield "holesreg", DecisionTreeRegressor(**depth), holes, y
    if VERSION >= (1, 4):
        yield "holesforest", RandomForestClassifier(**small), holes, three
        yield "boost", GradientBoostingClassifier(**small), x, two
        yield "boostexp", GradientBoostingClassifier(loss="exponential", **small), x, two
        yield "boostmulti", GradientBoostingClassifier(learning_rate=0.3, **small), x, three
        yield "boostzero", GradientBoostingClassifier(init="zero", **small), x, two
    yield "boostreg", GradientBoostingRegressor(loss="huber", **small), x, y
    yield "linear", LinearRegression(), x, y
    yield "ridge", Ridge(fit_intercept=False), x, y
    yield "logistic", LogisticRegression(), x, two
    yield "logisticmulti", LogisticRegression(), x, names[three]
    if VERSION < (1, 7):
        yield "logisticovr", LogisticRegression(multi_class="ovr"), x, three
        yield "logisticmn2", LogisticRegression(multi_class="multinomial"), x, two
        yield "logisticlib", LogisticRegression(solver="liblinear"), x, three


def trees_of(model):
    if hasattr(model, "estimators_"):
        return [t.tree_ for t in np.asarray(model.estimators_).ravel()]
    return [model.tree_] if hasattr(model, "tree_") else []


def main():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(300, 4)).astype("f4").astype("f8")
    holes = np.where(rng.random(x.shape) < 0.2, np.nan, x)
    y = x.sum(1) + rng.normal(size=300)
    two, three = (y > 0).astype(int), np.digitize(y, [-1, 1])
    for name, model, rows, target in cases(x, holes, y, two, three):
        model.fit(rows, target)
        path = HERE / f"sklearn-{sklearn.__version__}-{name}.json"
        export(model, path)
        extra = [0.0, -0.0, 1e-45, 3.4028235e38, -3.4028235e38]
        extra += [np.nan] if np.isnan(rows).any() else []
        thresholds = {}
        trees = trees_of(model)
        for tree in trees:
            for f, t in zip(tree.feature, tree.threshold):
                if f >= 0 and np.isfinite(t):
                    thresholds.setdefault(f, []).append(t)
        if trees:
            test = rows_around(thresholds, 4, np.float32, 3, extra)
            leaves = model.apply(test).reshape(len(test), -1).astype(int)
        else:
            test, leaves = rng.normal(size=(48, 4)), None
        proba = model.predict_proba(test) if hasattr(model, "predict_proba") else None
        if hasattr(model, "decision_function"):
            margins = model.decision_function(test)
        else:
            margins = model.predict(test) if proba is None else proba
        labels = model.predict(test) if hasattr(model, "classes_") else None
        with open(path.with_suffix(".golden"), "w", encoding="ascii") as out:
            for i, row in enumerate(test):
                leaf = "-" if leaves is None else ",".join(map(str, leaves[i]))
                label = "-" if labels is None else labels[i]
                share = "-" if proba is None else bits(proba[i])
                out.write(f"{bits(row)}|{leaf}|{bits(margins[i])}|{label}|{share}\n")


main()
