"""The built command `tautochrone`, run as a user runs it."""

import json
import pathlib
import platform
import subprocess
import time

import numpy as np


class Refused(Exception):
    """The command did not exit with 0."""


class Tautochrone:
    """Runs the binary at `path`."""

    def __init__(self, path):
        self.path = str(pathlib.Path(path).resolve())
        self.backends = backends()

    def run(self, *arguments):
        """Standard output and seconds; raises Refused with the command's own line."""
        begin = time.perf_counter()
        done = subprocess.run([self.path, *map(str, arguments)], capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise Refused(f"exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout, time.perf_counter() - begin

    def score(self, model, folder, output, arithmetic, how):
        """The answers to `rows.npy` in the folder, as the library's numpy arrays."""
        out = folder / f"{output}-{arithmetic}.npy"
        flags = [part for key, value in how.items() for part in (f"--{key}", value)]
        self.run(
            *("score", "--model", model.path, "--data", folder / "rows.npy", "--out", out),
            *("--output", output, "--sum", arithmetic),
            *(*flags, *model.options),
        )
        return np.load(out, allow_pickle=False)

    def compile(self, model_path, out, *options):
        """Writes a `.tau` file; seconds."""
        return self.run("compile", model_path, "-o", out, *options)[1]

    def inspect(self, path, *options):
        """The shape card."""
        return json.loads(self.run("inspect", path, "--json", *options)[0])

    def fixed_error_bound(self, model, folder, profile):
        """The bound of `--sum fixed` on the model's shape card."""
        compiled = folder / f"fixed-{profile}.tau"
        self.compile(model.path, compiled, "--sum", "fixed", "--profile", profile, *model.options)
        return float(self.inspect(compiled)["cost"]["fixed_sum_error_bound"])


def backends():
    """The values of `--backend` that this machine can run."""
    flags = set()
    if platform.machine() == "x86_64":
        text = pathlib.Path("/proc/cpuinfo").read_text()
        flags = set(next(line for line in text.splitlines() if line.startswith("flags")).split())
    found = ["portable"]
    if "avx2" in flags:
        found.append("avx2")
    if {"avx512f", "avx512bw", "avx512vl", "avx512vbmi"} <= flags:
        found.append("avx512")
    return found
