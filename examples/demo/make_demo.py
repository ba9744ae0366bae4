"""Makes the demo's files: models that one party owns and the rows that another one wants scored.

    $(tests/python/venv.sh) examples/demo/make_demo.py

Trains a small XGBoost model on 398 rows of scikit-learn's breast cancer data and writes `model.json`, the
other 171 rows as `rows.csv`, and what these rows really are as `labels.csv` (1 = malignant).

On the same 398 rows it trains one scikit-learn decision tree of eight leaves and writes `tree.json`, the model
that the demo attacks. Nothing is done to unbalance it: most benign rows are told by two comparisons, most
malignant ones need four.
"""

import csv
import pathlib
import sys

import numpy as np
import xgboost as xgb
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "models" / "export"))
from sklearn_export import export  # noqa: E402 (the exporter is a file of this repository)


def main():
    """Trains, writes the files, and prints how well the models do on the held-out rows."""
    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names]
    malignant = (data.target == 0).astype(int)
    train, held_out, train_y, held_out_y = train_test_split(
        data.data, malignant, test_size=0.3, random_state=7, stratify=malignant
    )
    params = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.2, "nthread": 1, "seed": 7}
    booster = xgb.train(params, xgb.DMatrix(train, train_y, feature_names=names), 50)
    booster.save_model(HERE / "model.json")
    write_csv(HERE / "rows.csv", names, held_out.tolist())
    write_csv(HERE / "labels.csv", ["malignant"], [[label] for label in held_out_y.tolist()])

    probability = booster.predict(xgb.DMatrix(held_out, feature_names=names))
    right = int(((probability > 0.5) == held_out_y).sum())
    size = (HERE / "model.json").stat().st_size
    print(f"{right} of {len(held_out_y)} held-out rows right; model.json has {size} bytes")
    assert np.isfinite(held_out).all() and size < 100_000

    named = np.where(train_y == 1, "malignant", "benign")
    tree = DecisionTreeClassifier(max_leaf_nodes=8, random_state=7).fit(train, named)
    answers = tree.predict(held_out)
    comparisons = np.asarray(tree.decision_path(held_out).sum(axis=1), int).ravel() - 1
    for name in tree.classes_:
        counts = np.bincount(comparisons[answers == name])
        print(f"tree.json, {name}: " + ", ".join(f"{n} rows by {d}" for d, n in enumerate(counts) if n))
    tree.feature_names_in_ = np.array(names, dtype=object)
    export(tree, HERE / "tree.json")


def write_csv(path, header, rows):
    """One header line, one line a row; every number prints so that it reads back to the same float64."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
