#!/usr/bin/env bash
# Makes the virtual environment of the Python tests, once, and prints the path of its interpreter.
#
#   $(tests/python/venv.sh) tests/python/differential.py
#
# It lives in $TAUTOCHRONE_VENV, or in the user's cache under a name that changes with requirements.txt.
# PYTHON picks the interpreter to make it with (3.11; the pins are for that version).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
digest=$(sha256sum "$here/requirements.txt" | cut -c1-12)
venv=${TAUTOCHRONE_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/tautochrone/venv-$digest}

if [ "$(cat "$venv/ready" 2>/dev/null)" != "$digest" ]; then
    python=${PYTHON:-$(command -v python3.11 || command -v python3)} || {
        echo "venv.sh: no python3.11 found; install it, or set PYTHON" >&2
        exit 1
    }
    "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
        echo "venv.sh: $python is not Python 3.11, for which requirements.txt is pinned; set PYTHON" >&2
        exit 1
    }
    "$python" -m venv --clear "$venv" >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --requirement "$here/requirements.txt" >&2
    echo "$digest" >"$venv/ready"
fi
echo "$venv/bin/python"
