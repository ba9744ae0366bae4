"""Other engines, each with its best supported call on float32 rows in memory, on one thread.

An engine is a function of nothing that scores the case's rows once and gives the margins, or for a forest the
probability of class 1. One that is not installed, or can't do a model, is said to be missing, with the reason.
"""
import os
import sys

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np

import models

# what each is called in tables; "own model" where it can't load the model that the others score
TITLES = {
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "lleaves": "lleaves",
    "onnxruntime": "ONNX Runtime",
    "sklearn": "scikit-learn",
    "onedal": "oneDAL (daal4py)",
    "catboost": "CatBoost (own model)",
}


def engines(case, trained, x, folder):
    """The engines of a case: name -> call, and name -> why it is missing."""
    makers = {"onnxruntime": onnxruntime}
    if case.library == "xgboost":
        makers |= {"xgboost": xgboost, "onedal": onedal}
        if models.has_catboost(case):
            makers["catboost"] = catboost
    elif case.library == "lightgbm":
        makers |= {"lightgbm": lightgbm, "onedal": onedal}
        if "lleaves" in case.against:
            makers["lleaves"] = lleaves
    else:
        makers["sklearn"] = sklearn
    found, missing = {}, {}
    for name, make in makers.items():
        try:
            call = make(case, trained, x, folder)
            call()
            found[name] = call
        except Exception as error:  # whatever a library throws, the others are still timed
            missing[name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            print(f"{case.title}: {TITLES[name]} is not there: {missing[name]}", file=sys.stderr)
    return found, missing


def xgboost(case, trained, x, folder):
    return lambda: trained.model.inplace_predict(x, predict_type="margin")


def lightgbm(case, trained, x, folder):
    return lambda: trained.model.predict(x, raw_score=True, num_threads=1)


def lleaves(case, trained, x, folder):
    import lleaves
    model = lleaves.Model(model_file=str(trained.file))
    model.compile(cache=str(trained.file.with_suffix(".lleaves")), raw_score=True)
    return lambda: model.predict(x, n_jobs=1)


def onnxruntime(case, trained, x, folder):
    import onnxruntime
    file = trained.file.with_suffix(".onnx")
    if not file.exists():
        file.write_bytes(to_onnx(case, trained, x).SerializeToString())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    given, wanted = session.get_inputs()[0].name, [session.get_outputs()[-1].name]
    # probabilities: the converted models end with the link, a handful of steps a row
    return lambda: session.run(wanted, {given: x})[0][:, 1]


def to_onnx(case, trained, x):
    if case.library == "sklearn":
        import skl2onnx
        return skl2onnx.to_onnx(trained.model, x[:1], options={"zipmap": False})
    from onnxmltools.convert import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    types = [("x", FloatTensorType([None, case.features]))]
    if case.library == "xgboost":
        return convert_xgboost(trained.model, initial_types=types)
    return convert_lightgbm(trained.model, initial_types=types, zipmap=False)


def sklearn(case, trained, x, folder):
    return lambda: trained.model.predict_proba(x)[:, 1]


def onedal(case, trained, x, folder):
    import daal4py
    daal4py.daalinit(1)
    model = daal4py.mb.convert_model(trained.model)
    call = lambda: model.predict_proba(x)[:, 1]
    call()
    return call


def catboost(case, trained, x, folder):
    model = models.train_catboost(case, folder)
    return lambda: model.predict(x, prediction_type="RawFormulaVal", thread_count=1)


def check(case, name, scores, margins):
    """An engine that scores the same model gives the same answers, up to its own rounding."""
    if name == "catboost":
        return
    scores = np.asarray(scores, dtype=np.float64).ravel()
    probability = name in ("onnxruntime", "onedal") or case.library == "sklearn"
    expected = margins if case.library == "sklearn" or not probability else 1 / (1 + np.exp(-margins))
    off = np.abs(scores - expected)
    # ONNX holds thresholds in f32: a row between one and what it was rounded to takes the other leaf
    alike = (off < 1e-4).mean()
    if alike < (0.99 if name == "onnxruntime" else 1):
        raise AssertionError(f"{case.title}: {TITLES[name]} gives other answers on {1 - alike:.2%} of the rows, "
                             f"off by up to {off.max()}")
