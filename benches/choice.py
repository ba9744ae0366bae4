#!/usr/bin/env python3
"""Does the engine pick the kernel that is fastest? For models of many shapes and batches of many sizes, every kernel and
the engine's own choice take turns on one core; a choice may take 15% longer than the best.

    benches/peers/run --models t100-d6-f32 --rounds 1     once, for the packages, the models and the scorer
    benches/choice.py [--kept target/peers] [--rounds 7] [--core N]

Exits with 1 where a choice is worse than that. Prints a row for each model, backend and number of rows: nanoseconds a
tree and row of each kernel, the choice, and how much longer than the best it takes.
"""

import argparse
import array
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

MODELS = [  # file, features, trees
    ("xgboost-1000-6-32-60000.json", 32, 1000),
    ("xgboost-1000-6-128-60000.json", 128, 1000),
    ("xgboost-100-6-32-60000.json", 32, 100),
    ("xgboost-300-8-64-60000.json", 64, 300),
    ("xgboost-100-10-32-60000.json", 32, 100),
    ("lightgbm-500-31-32-60000.txt", 32, 500),
    ("lightgbm-500-255-32-60000.txt", 32, 500),
    ("sklearn-100-None-32-20000.json", 32, 100),
]
ROWS = [1, 8, 16, 32, 64, 128, 512, 2048]
KERNELS = ["interval-max", "interval-max-rows", "bit-sliced"]
ALLOWED = 1.15


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kept", type=pathlib.Path, default=pathlib.Path("target/peers"), help="folder with models")
    parser.add_argument("--scorer", default="target/release/scorer")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--core", type=int, default=os.cpu_count() - 1, help="the core to use [default: the last one]")
    arguments = parser.parse_args()
    worse = 0
    for file, features, trees in MODELS:
        scorer = Scorer(arguments, arguments.kept / file, features)
        for backend in scorer.backends:
            if backend == "portable":
                continue  # minutes a model
            for rows in ROWS:
                took = {kernel: [] for kernel in [*KERNELS, "chosen"]}
                for _ in range(arguments.rounds):
                    for kernel, times in took.items():
                        answer = scorer.time(backend, rows, kernel)
                        if answer:
                            times.append(answer["seconds"])
                            if kernel == "chosen":
                                chosen = answer["kernel"]
                took = {kernel: times for kernel, times in took.items() if times}
                best = min((kernel for kernel in took if kernel != "chosen"), key=lambda k: statistics.median(took[k]))
                loss = statistics.median(c / b for c, b in zip(took[chosen], took[best]))
                worse += loss > ALLOWED
                each = "  ".join(
                    f"{kernel} {statistics.median(took[kernel]) / rows / trees * 1e9:9.2f}" for kernel in KERNELS if kernel in took
                )
                mark = "" if loss <= ALLOWED else "  WORSE"
                print(f"{file:32} {backend:7} {rows:5}  {each}  chosen {chosen}, {loss:.2f} of the best{mark}", flush=True)
        scorer.close()
    print(f"{worse} choices take more than {ALLOWED} times the best")
    sys.exit(1 if worse else 0)


class Scorer:
    """The program that times, with one model."""

    def __init__(self, arguments, model, features):
        self.rows = arguments.kept / f"choice-{features}.f32"
        if not self.rows.exists():
            numbers = random.Random(features)
            array.array("f", (numbers.gauss(0, 1) for _ in range(max(ROWS) * features))).tofile(self.rows.open("wb"))
        command = [arguments.scorer, model, self.rows, str(features)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        pin = lambda: os.sched_setaffinity(0, [arguments.core])
        self.process = subprocess.Popen(command, preexec_fn=pin, **pipes)
        self.backends = json.loads(self.process.stdout.readline())["backends"]

    def time(self, backend, rows, kernel):
        asked = "" if kernel == "chosen" else f" {kernel}"
        self.process.stdin.write(f"time data-oblivious {backend} {rows} 1 0.02{asked}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


if __name__ == "__main__":
    main()
