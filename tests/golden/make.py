"""Writes the golden cases under `cases/` with the real libraries at pinned versions.

    python tests/golden/make.py [--only WORD]...

`--only xgboost-3.2` makes only the groups whose name contains the word. The current libraries come from
`tests/python/venv.sh`, each older one from a virtual environment of its own, made on first use. The cases are
committed: nothing needs this script but a change of the cases.
"""

import argparse
import hashlib
import importlib
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

# Libraries that the current virtual environment does not hold: group -> what to install, nothing more.
OLD = ["numpy==1.26.4", "scipy==1.14.1"]
SKLEARN = ["joblib==1.4.2", "threadpoolctl==3.5.0"]
GROUPS = {
    "xgboost-1.7.6": ["xgboost==1.7.6", *OLD],
    "xgboost-2.1.4": ["xgboost-cpu==2.1.4", *OLD],
    "xgboost-3.0.5": ["xgboost-cpu==3.0.5", *OLD],
    "xgboost-3.1.3": ["xgboost-cpu==3.1.3", *OLD],
    "xgboost-3.2.0": None,
    "lightgbm-3.3.5": ["lightgbm==3.3.5", *OLD],
    "lightgbm-4.7.0": None,
    "sklearn-1.2.2": ["scikit-learn==1.2.2", *SKLEARN, *OLD],
    "sklearn-1.5.2": ["scikit-learn==1.5.2", *SKLEARN, *OLD],
    "sklearn-1.9.1": None,
}


def main():
    """Makes each chosen group in the environment that holds its library."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", action="append", metavar="WORD", help="groups whose name contains WORD")
    options.add_argument("--here", metavar="LIBRARY", help="run the cases of LIBRARY with this very interpreter")
    chosen = options.parse_args()
    if chosen.here:
        sys.path.insert(0, str(HERE))
        importlib.import_module(f"{chosen.here}_cases").run()
        return
    for group, packages in GROUPS.items():
        if not chosen.only or any(word in group for word in chosen.only):
            library = group.partition("-")[0]
            command = [environment(group, packages), str(HERE / "make.py"), "--here", library]
            quiet = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
            subprocess.run(command, check=True, env={**os.environ, **quiet})


def environment(group, packages):
    """The interpreter of a group's virtual environment, made if it is not there."""
    if packages is None:
        made = subprocess.run([HERE.parent / "python" / "venv.sh"], check=True, stdout=subprocess.PIPE, text=True)
        return made.stdout.strip()
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    digest = hashlib.sha256("\n".join(packages).encode()).hexdigest()[:12]
    folder = cache / "tautochrone" / f"golden-{group}-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", *packages], check=True)
        (folder / "ready").touch()
    return str(python)


if __name__ == "__main__":
    main()
