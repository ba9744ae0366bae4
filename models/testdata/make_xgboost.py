"""Writes xgboost-VERSION-*.json and .golden with the installed XGBoost (1.7.6 and 3.2.0 were used).

python make_xgboost.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
import xgboost as xgb
from golden import rows_around, write

HERE = Path(__file__).parent
warnings.filterwarnings("ignore")
xgb.set_config(verbosity=0)


def cases(rng, x):
    z = np.nan_to_num(x).sum(1)
    classes = rng.integers(0, 3, len(x))
    yield "squarederror", {"objective": "reg:squarederror", "base_score": 0.3}, z
    yield "logistic", {"objective": "binary:logistic", "base_score": 0.2}, (z > 0).astype("f4")
    yield "logitraw", {"objective": "binary:logitraw", "base_score": 0.3}, (z > 0).astype("f4")
    yield "hinge", {"objective": "binary:hinge"}, (z > 0).astype("f4")
    yield "softprob", {"objective": "multi:softprob", "num_class": 3}, classes
    yield "softmax", {"objective": "multi:softmax", "num_class": 3, "num_parallel_tree": 2}, classes
    yield "poisson", {"objective": "count:poisson", "base_score": 0.7}, rng.poisson(2, len(x))
    yield "gamma", {"objective": "reg:gamma"}, np.abs(z) + 0.5
    yield "targets", {"objective": "reg:squarederror"}, np.c_[z, -2 * z]
    yield "pruned", {"tree_method": "exact", "gamma": 3.0, "max_depth": 4}, z


def main():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(200, 4)).astype("f4")
    x[rng.random(x.shape) < 0.1] = np.nan
    for name, params, y in cases(rng, x):
        params = {"max_depth": 2, "seed": 1, "nthread": 1, **params}
        path = HERE / f"xgboost-{xgb.__version__}-{name}.json"
        xgb.train(params, xgb.DMatrix(x, y), 3).save_model(path)
        booster = xgb.Booster(model_file=path)
        model = json.loads(path.read_text())["learner"]["gradient_booster"]["model"]
        thresholds = {}
        for tree in model["trees"]:
            for f, t, left in zip(tree["split_indices"], tree["split_conditions"], tree["left_children"]):
                if left != -1:
                    thresholds.setdefault(f, []).append(t)
        extra = [np.nan, 0.0, -0.0, 1e-45, 3.4028235e38, -3.4028235e38]
        rows = rows_around(thresholds, 4, np.float32, 3, extra)
        data = xgb.DMatrix(rows)
        leaves = booster.predict(data, pred_leaf=True).reshape(len(rows), -1)
        margins = booster.predict(data, output_margin=True).reshape(len(rows), -1)
        predicted = booster.predict(data)
        labels = None
        if name in ("logistic", "logitraw"):
            labels = (predicted > np.float32(0.5)).astype(int)
        elif name in ("hinge", "softmax"):
            labels = predicted.astype(int)
        elif name == "softprob":
            labels = predicted.argmax(1)
        write(path.with_suffix(".golden"), rows, leaves, margins, labels)


main()
