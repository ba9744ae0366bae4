"""From one run: the table that is printed, the record, the plot, and the tables of two documents."""
import csv
import dataclasses
import pathlib
import statistics

import models
from engines import TITLES

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
# README and docs/speed.md hold a table between these
BEGIN, END = "<!-- benches/peers: begin -->", "<!-- benches/peers: end -->"
BACKENDS = ("avx512", "avx2", "portable")
BACKEND_TITLES = {"avx512": "AVX-512", "avx2": "AVX2", "portable": "portable"}
PROFILES = ("data-oblivious", "strict")
# (data-oblivious, strict) of the slower backends, on the first case
BACKEND_GOALS = {("t1000-d6-f32", "avx2"): (17, 4), ("t1000-d6-f32", "portable"): (2, 0.5)}
# against the fastest engine of any kind
ANY_GOALS = {"t1000-d6-f32": (4, 1.2)}
MET_AT = 0.95


@dataclasses.dataclass
class Result:
    case: str
    title: str
    trees: int
    leaves: float | None
    engine: str
    profile: str | None
    backend: str | None
    rows: int
    threads: int
    ns_per_row: list  # one for each round

    @property
    def ns(self):
        """Nanoseconds a tree and row, the median over rounds."""
        return statistics.median(self.ns_per_row) / self.trees


@dataclasses.dataclass
class Record:
    date: str
    cpu: str
    cores: int
    rounds: int
    note: str
    commit: str
    versions: dict
    results: list
    missing: list
    load: float = 0

    def add(self, case, leaves, engine, profile, backend, rows, threads, times):
        self.results.append(
            Result(case.name, case.title, case.trees, leaves, engine, profile, backend, rows, threads, times))

    def of(self, case):
        return [result for result in self.results if result.case == case.name]

    def cases(self):
        return [case for case in models.CASES if self.of(case)]

    def fastest(self, case, any_kind=False):
        """The peer that the case's ratio is to, or the fastest peer of any kind."""
        peers = [result for result in self.of(case) if result.engine != "tautochrone"]
        return min((peer for peer in peers if any_kind or peer.engine in case.against),
                   key=lambda peer: peer.ns, default=None)

    def ours(self, case, profile, backend):
        for result in self.of(case):
            if (result.engine, result.profile, result.backend) == ("tautochrone", profile, backend):
                return result
        return None

    def backends(self):
        return [name for name in BACKENDS if any(result.backend == name for result in self.results)]

    def threads(self):
        """Two threads to one: profile and backend -> ratio."""
        timed = {(r.profile, r.backend, r.threads): r for r in self.results if r.case == "two-threads"}
        return {(profile, backend): ratio(one, timed[profile, backend, 2])
                for (profile, backend, threads), one in timed.items() if threads == 1}


def ratio(peer, ours):
    """How many times as long the peer takes: the median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(peer.ns_per_row, ours.ns_per_row))


def goal(case, profile, backend, measured):
    """The figure to reach, where there is one."""
    which = PROFILES.index(profile)
    if backend == "avx512" or (case.name == "one-row" and backend == measured[0]):
        return case.goals[which]
    return BACKEND_GOALS.get((case.name, backend), (None, None))[which]


def text(record):
    """What is printed."""
    lines = [f"{record.cpu}; {record.date}; {record.rounds} rounds; commit {record.commit}"]
    for case in record.cases():
        peer = record.fastest(case)
        lines += ["", f"{case.title} ({case.rows} rows)"]
        for result in sorted(record.of(case), key=lambda result: result.ns):
            name = TITLES.get(result.engine) or f"ours, {result.profile}, {BACKEND_TITLES[result.backend]}"
            line = f"  {name:36}{result.ns:10.3f} ns a tree-row"
            if result.profile and peer:
                times = ratio(peer, result)
                aim = goal(case, result.profile, result.backend, record.backends())
                line += f"{times:9.2f}x {TITLES[peer.engine]}"
                if aim:
                    line += f" (goal {aim}x: {'met' if times >= MET_AT * aim else 'MISSED'})"
            lines.append(line)
        every = record.fastest(case, any_kind=True)
        if every and case.name in ANY_GOALS:
            for profile, aim in zip(PROFILES, ANY_GOALS[case.name]):
                ours = record.ours(case, profile, record.backends()[0])
                times = ratio(every, ours)
                met = "met" if times >= MET_AT * aim else "MISSED"
                lines.append(f"  {profile}: {times:.2f}x the fastest, {TITLES[every.engine]} (goal {aim}x: {met})")
    lines += [f"two threads, {p}, {b}: {r:.2f}x one" for (p, b), r in record.threads().items()]
    lines += [f"missing: {case}: {engine}: {why}" for case, engine, why in record.missing]
    return "\n".join(lines)


def write(record):
    """The record, the plot, and the documents' tables."""
    import plot

    fields = ["date", "cpu", "cores", "load", "note", "commit", "rounds", "case", "trees", "leaves_per_tree", "engine",
              "version", "profile", "backend", "rows", "threads", "ns_per_row", "ns_per_tree_row", "ns_per_row_least",
              "ns_per_row_most", "fastest_peer", "ratio"]
    with open(HERE / "record.csv", "w", newline="") as file:
        out = csv.DictWriter(file, fields, lineterminator="\n")
        out.writeheader()
        for r in record.results:
            case = next((case for case in models.CASES if case.name == r.case), None)
            peer = record.fastest(case) if case and r.profile else None
            out.writerow(dict(
                date=record.date, cpu=record.cpu, cores=record.cores, load=f"{record.load:.1f}", note=record.note,
                commit=record.commit, rounds=record.rounds, case=r.case, trees=r.trees,
                leaves_per_tree=r.leaves and f"{r.leaves:.1f}", engine=r.engine,
                version=record.versions.get(r.engine, record.commit), profile=r.profile, backend=r.backend,
                rows=r.rows, threads=r.threads, ns_per_row=f"{statistics.median(r.ns_per_row):.1f}",
                ns_per_tree_row=f"{r.ns:.4f}", ns_per_row_least=f"{min(r.ns_per_row):.1f}",
                ns_per_row_most=f"{max(r.ns_per_row):.1f}", fastest_peer=peer and peer.engine,
                ratio=peer and f"{ratio(peer, r):.3f}"))
        for case, engine, why in record.missing:
            out.writerow(dict(date=record.date, cpu=record.cpu, case=case, engine=engine, note=f"missing: {why}"))
    groups = []
    for case in record.cases():
        timed = {(profile, backend): ratio(record.fastest(case), record.ours(case, profile, backend))
                 for profile in PROFILES for backend in record.backends()}
        groups.append((case.title, TITLES[record.fastest(case).engine], timed))
    plot.draw(groups, HERE / "speed.svg")
    fill(ROOT / "README.md", ratios(record))
    fill(ROOT / "docs" / "speed.md", "\n\n".join([ratios(record, goals=True), every_time(record), said(record)]))


def ratios(record, goals=False):
    """A table of ratios, by profile and backend; with the figures to reach behind them."""
    backends = record.backends()
    heads = [f"{profile}, {BACKEND_TITLES[backend]}" for profile in PROFILES for backend in backends]
    lines = ["| model | compared with | " + " | ".join(heads) + " |", "|---" * (2 + len(heads)) + "|"]
    for case in record.cases():
        peer = record.fastest(case)
        if peer is None:
            continue
        cells = [case.title, f"{TITLES[peer.engine]}, {figure(peer.ns)} ns"]
        for profile in PROFILES:
            for backend in backends:
                times = ratio(peer, record.ours(case, profile, backend))
                aim = goal(case, profile, backend, backends) if goals else None
                cells.append(f"{figure(times)}x" + (f" of {aim}x" if aim else ""))
        lines.append("| " + " | ".join(cells) + " |")
    if not goals:
        lines += ["", f"{record.cpu}, one core, {record.date[:10]}. {record.note}".rstrip()]
    return "\n".join(lines)


def every_time(record):
    """A table of times."""
    peers = [name for name in TITLES if any(result.engine == name for result in record.results)]
    ours = [(profile, backend) for profile in PROFILES for backend in record.backends()]
    heads = [TITLES[name] for name in peers] + [f"ours, {p}, {BACKEND_TITLES[b]}" for p, b in ours]
    lines = ["Nanoseconds a tree and row:", "", "| model | leaves a tree | " + " | ".join(heads) + " |",
             "|---" * (2 + len(heads)) + "|"]
    for case in record.cases():
        found = {(result.engine, result.profile, result.backend): result for result in record.of(case)}
        keys = [(name, None, None) for name in peers] + [("tautochrone", p, b) for p, b in ours]
        cells = [figure(found[key].ns) if key in found else "-" for key in keys]
        leaves = record.of(case)[0].leaves
        lines.append(f"| {case.title} | {leaves:.0f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def said(record):
    """What else the run found, and where it ran."""
    lines = []
    for case in record.cases():
        every = record.fastest(case, any_kind=True)
        if case.name in ANY_GOALS and every:
            parts = [f"{figure(ratio(every, record.ours(case, profile, record.backends()[0])))}x in {profile}"
                     f" (of {aim}x)" for profile, aim in zip(PROFILES, ANY_GOALS[case.name])]
            lines.append(f"- Against the fastest engine of any kind at {case.title}, {TITLES[every.engine]}: "
                         + " and ".join(parts) + ".")
    lines += [f"- Two threads, {profile}, {BACKEND_TITLES[backend]}, T1000 d6 F32, 32,768 rows: {times:.2f}x one."
              for (profile, backend), times in record.threads().items()]
    lines += [f"- Missing: {engine} at {case}: {why}." for case, engine, why in record.missing]
    named = ", ".join(f"{TITLES[name]} {version}" for name, version in record.versions.items())
    lines.append(f"- {record.date}, {record.cpu}, {record.cores} cores, one used; commit {record.commit}; median of "
                 f"{record.rounds} rounds. {named}. {record.note}".rstrip())
    return "\n".join(lines)


def figure(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def fill(file, table):
    """Puts a table between the marks of a document."""
    before, _, rest = file.read_text().partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{file}: the marks {BEGIN} and {END} are not there")
    file.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
