"""Writes lightgbm-VERSION-*.txt and .golden with the installed LightGBM (3.3.5 and 4.7.0 were used).

python make_lightgbm.py
"""

from pathlib import Path

import lightgbm as lgb
import numpy as np
from golden import rows_around, write

HERE = Path(__file__).parent
ZERO = float(np.float32(1e-35))


def cases(rng, x):
    z = np.nan_to_num(x).sum(1)
    binary = (z > 0).astype(int)
    classes = rng.integers(0, 3, len(x))
    yield "regression", {"objective": "regression"}, x, z
    yield "zero", {"objective": "regression", "zero_as_missing": True}, np.where(np.abs(x) < 0.4, 0, x), z
    yield "none", {"objective": "quantile", "use_missing": False}, x, z
    yield "complete", {"objective": "huber"}, np.nan_to_num(x), z
    yield "binary", {"objective": "binary", "sigmoid": 1.7}, x, binary
    yield "multiclass", {"objective": "multiclass", "num_class": 3}, x, classes
    yield "ova", {"objective": "multiclassova", "num_class": 3, "sigmoid": 0.7}, x, classes
    yield "crossentropy", {"objective": "cross_entropy"}, x, binary * 0.9
    yield "tweedie", {"objective": "tweedie"}, x, np.abs(z)
    yield "forest", {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}, x, binary
    yield "stump", {"objective": "regression", "min_data_in_leaf": 1000}, x, z


def main():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(300, 4))
    x[rng.random(x.shape) < 0.1] = np.nan
    for name, params, rows, y in cases(rng, x):
        params = {"num_leaves": 5, "verbose": -1, "seed": 1, "num_threads": 1, **params}
        path = HERE / f"lightgbm-{lgb.__version__}-{name}.txt"
        text = lgb.train(params, lgb.Dataset(rows, y), 3).model_to_string()
        # the training parameters after the trees are many and mean nothing here
        path.write_text(text.split("parameters:")[0])
        booster = lgb.Booster(model_file=str(path))
        thresholds = {}
        for line in path.read_text().splitlines():
            if line.startswith("split_feature="):
                features = [int(f) for f in line.split("=")[1].split()]
            if line.startswith("threshold="):
                for f, t in zip(features, line.split("=")[1].split()):
                    thresholds.setdefault(f, []).append(float(t))
        up, down = np.nextafter(ZERO, 1), np.nextafter(ZERO, 0)
        extra = [np.nan, 0.0, -0.0, 5e-324, ZERO, -ZERO, up, -up, down, -down, 1e308, -1e308, np.inf, -np.inf]
        rows = rows_around(thresholds, 4, np.float64, 3, extra)
        leaves = booster.predict(rows, pred_leaf=True).reshape(len(rows), -1)
        margins = booster.predict(rows, raw_score=True).reshape(len(rows), -1)
        if name == "forest":
            margins = margins / 3  # raw_score is the sum, the link sees the average
        predicted = booster.predict(rows)
        labels = None
        if predicted.ndim == 2:
            labels = predicted.argmax(1)
        elif params["objective"] == "binary":
            labels = np.c_[1 - predicted, predicted].argmax(1)
        write(path.with_suffix(".golden"), rows, leaves, np.ascontiguousarray(margins), labels)


main()
