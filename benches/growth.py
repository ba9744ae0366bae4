"""Draws what `growth` measures: a panel for each size, nanoseconds a tree and row, both axes logarithmic."""
import csv
import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "tautochrone", "svg.fonttype": "none", "font.size": 9})

import matplotlib.pyplot as plt

HERE = pathlib.Path(__file__).parent
COLOURS = {"data-oblivious": "#0072B2", "strict": "#D55E00"}
LINES = {"avx512": ("-", "AVX-512"), "avx2": (":", "AVX2")}


def main():
    measured = []
    for line in sys.stdin:
        measured.append(json.loads(line))
        last = measured[-1]
        print(f"{last['axis']} {last['size']}, {last['profile']}, {last['backend']}, {last['kernel']}:"
              f" {last['ns_per_tree_row']:.2f} ns a tree and row", flush=True)
    with open(HERE / "growth.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, measured[0].keys(), lineterminator="\n")
        writer.writeheader()
        for one in measured:
            writer.writerow({**one, "ns_per_tree_row": f"{one['ns_per_tree_row']:.3g}"})
    axes_of = list(dict.fromkeys(one["axis"] for one in measured))
    figure, panels = plt.subplots(2, 3, figsize=(9, 5.4), sharey=True)
    for panel, axis in zip(panels.flat, axes_of):
        here = [one for one in measured if one["axis"] == axis]
        for profile, colour in COLOURS.items():
            for backend, (style, title) in LINES.items():
                line = [one for one in here if one["profile"] == profile and one["backend"] == backend]
                panel.plot([one["size"] for one in line], [one["ns_per_tree_row"] for one in line], style,
                           color=colour, marker=".", label=f"{profile}, {title}")
        panel.set_xscale("log", base=2 if axis in ("depth", "rows") else 10)
        panel.set_yscale("log")
        sizes = sorted({one["size"] for one in here})
        panel.set_xticks(sizes, [str(size) for size in sizes], fontsize=7)
        panel.minorticks_off()
        panel.set_xlabel(axis)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", linewidth=0.3)
    for panel in panels[:, 0]:
        panel.set_ylabel("ns a tree and row")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncol=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.94))
    figure.savefig(HERE / "growth.svg", metadata={"Date": None, "Creator": None})


main()
