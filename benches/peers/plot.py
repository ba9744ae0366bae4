"""The plot of the README: ratios to the fastest peer, one group of bars a model, on a logarithmic scale."""
import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "tautochrone", "svg.fonttype": "none", "font.size": 9})

import matplotlib.pyplot as plt

# colours that stay apart in grey and for the colour-blind (Okabe and Ito)
COLOURS = {"data-oblivious": "#0072B2", "strict": "#D55E00"}
# the fastest backend is full, the next one light
WEIGHTS = {"avx512": 1.0, "avx2": 0.45}
BACKEND_TITLES = {"avx512": "AVX-512", "avx2": "AVX2"}


def draw(groups, to):
    """`groups`: (title, peer, {(profile, backend): ratio}) for each model."""
    shown = [(profile, backend) for profile in COLOURS for backend in WEIGHTS
             if all((profile, backend) in ratios for _, _, ratios in groups)]
    figure, axes = plt.subplots(figsize=(8, 0.55 * len(groups) + 1.2))
    height = 0.8 / len(shown)
    for place, (profile, backend) in enumerate(shown):
        at = [number + (place - (len(shown) - 1) / 2) * height for number in range(len(groups))]
        values = [ratios[profile, backend] for _, _, ratios in groups]
        axes.barh(at, values, height, color=COLOURS[profile], alpha=WEIGHTS[backend],
                  label=f"{profile}, {BACKEND_TITLES[backend]}")
        for y, value in zip(at, values):
            axes.text(value * 1.04, y, f"{value:.0f}" if value >= 10 else f"{value:.1f}", va="center", fontsize=6.5)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    ticks = [0.5, 1, 2, 5, 10, 20, 50, 100]
    axes.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(groups)), [f"{title}\nto {peer}" for title, peer, _ in groups])
    axes.invert_yaxis()
    axes.set_xlabel("times as fast as the fastest library, one thread")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="upper center", ncol=len(shown), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.94))
    figure.savefig(to, metadata={"Date": None, "Creator": None})
