"""Tautochrone beside other engines: all take turns on one core, and ratios are of medians over rounds.

Run by `benches/peers/run`. In a round every engine has one turn: a call that is not counted, then calls for a
twentieth of a second, at least one, of which the median counts. Ours is timed in a process of its own that
stays, on the same core.
"""
import argparse
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
PROFILES = ("data-oblivious", "strict")
TURN = 0.05
# portable is timed on fewer rows, because it takes long; its time grows with the blocks of 512 rows
PORTABLE_ROWS = 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scorer", type=pathlib.Path, required=True)
    parser.add_argument("--kept", type=pathlib.Path, required=True, help="folder for models")
    parser.add_argument("--models", help="names, with commas between; then nothing is written")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--core", type=int, help="the core to use [default: the last one]")
    parser.add_argument("--without-peers", action="store_true", help="ours and the one compared with only")
    parser.add_argument("--note", default="", help="what the record should say about the machine")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds: at least 1")

    import engines
    import models
    import report

    cases = models.CASES
    if arguments.models:
        chosen = arguments.models.split(",")
        cases = [case for case in models.CASES if case.name in chosen]
        if len(cases) != len(chosen):
            parser.error(f"--models: choose from {', '.join(case.name for case in models.CASES)}")
    cores = os.sched_getaffinity(0)
    core = max(cores) if arguments.core is None else arguments.core

    prepared = []
    for case in cases:
        prepared.append((case, models.train(case, arguments.kept)))
        if models.has_catboost(case):
            try:
                models.train_catboost(case, arguments.kept)
            except ImportError:
                pass  # said when its turn comes
    record = report.Record(
        date=datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        cpu=cpu(), cores=len(cores), rounds=arguments.rounds, note=arguments.note,
        commit=commit(), versions=versions(), results=[], missing=[],
    )
    loads = [os.getloadavg()[0]]
    for case, trained in prepared:
        os.sched_setaffinity(0, {core})
        time_case(case, trained, arguments, engines, models, record)
        loads.append(os.getloadavg()[0])
    os.sched_setaffinity(0, cores)
    if len(cores) > 1 and any(case.name == "t1000-d6-f32" for case in cases):
        two_threads(prepared[0], arguments, models, record)
    record.load = max(loads)
    print(report.text(record))
    if not arguments.models:
        report.write(record)


def time_case(case, trained, arguments, engines, models, record):
    """All engines of one case, round by round."""
    x = models.rows(case)
    found, missing = engines.engines(case, trained, x, arguments.kept)
    record.missing += [(case.title, engines.TITLES[name], why) for name, why in missing.items()]
    if arguments.without_peers:
        found = {name: call for name, call in found.items() if name in case.against}
    scorer = Scorer(arguments, case, trained, x)
    for profile in PROFILES:
        for backend in scorer.backends:
            margins = scorer.scores(profile, backend, case.rows)
            for name, call in found.items():
                engines.check(case, name, call(), margins)
    turns = {(name, None, None): (case.rows, call) for name, call in found.items()}
    for profile in PROFILES:
        for backend in scorer.backends:
            rows = min(case.rows, PORTABLE_ROWS) if backend == "portable" else case.rows
            turns["tautochrone", profile, backend] = rows, None
    times = {key: [] for key in turns}
    for number in range(arguments.rounds):
        progress(f"{case.title}: round {number + 1} of {arguments.rounds}")
        for key, (rows, call) in turns.items():
            seconds = turn(call) if call else scorer.time(key[1], key[2], rows, 1)
            times[key].append(seconds / rows * 1e9)
    progress("")
    leaves = models.statistics(trained)
    for (engine, profile, backend), (rows, _) in turns.items():
        record.add(case, leaves, engine, profile, backend, rows, 1, times[engine, profile, backend])
    scorer.close()


def two_threads(first, arguments, models, record):
    """One thread and two in turns, on a batch."""
    import dataclasses
    case = dataclasses.replace(first[0], name="two-threads", rows=32_768)
    scorer = Scorer(arguments, case, first[1], models.rows(case))
    backend = scorer.backends[0]
    times = {(profile, threads): [] for profile in PROFILES for threads in (1, 2)}
    for _ in range(arguments.rounds):
        for profile, threads in times:
            seconds = scorer.time(profile, backend, case.rows, threads)
            times[profile, threads].append(seconds / case.rows * 1e9)
    for (profile, threads), all_times in times.items():
        record.add(case, None, "tautochrone", profile, backend, case.rows, threads, all_times)
    scorer.close()


def turn(call):
    call()
    times = []
    begun = time.perf_counter()
    while not times or time.perf_counter() - begun < TURN:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


class Scorer:
    """Our process, with one model loaded."""

    def __init__(self, arguments, case, trained, x):
        self.folder = arguments.kept
        rows = self.folder / "rows.f32"
        x.astype("<f4").tofile(rows)
        self.process = subprocess.Popen([arguments.scorer, trained.file, rows, str(case.features)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.backends = self.answer()["backends"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the scorer ended: see above")
        return json.loads(line)

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.answer()

    def time(self, profile, backend, rows, threads):
        return self.ask("time", profile, backend, rows, threads, TURN)["seconds"]

    def scores(self, profile, backend, rows):
        """Margins, of a classifier that gives one for each class the last."""
        import numpy
        file = self.folder / "scores.f64"
        self.ask("scores", profile, backend, rows, file)
        return numpy.fromfile(file, "<f8").reshape(rows, -1)[:, -1]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def cpu():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    facts = dict(line.replace("\t", "").split(":", 1) for line in lines if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    numbers = f"family {facts.get('cpu family')}, model {facts.get('model')}"
    return f"{facts.get('model name', platform.processor())} ({numbers})"


def commit():
    """The commit; with a plus where files are changed."""
    git = lambda *words: subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "../../ops", "../../engine", "../../models")
    return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")


def versions():
    packages = dict(xgboost="xgboost-cpu", lightgbm="lightgbm", lleaves="lleaves", onnxruntime="onnxruntime",
                    sklearn="scikit-learn", catboost="catboost", onedal="daal")
    found = {}
    for engine, package in packages.items():
        try:
            found[engine] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[engine] = "not installed"
    return found


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
