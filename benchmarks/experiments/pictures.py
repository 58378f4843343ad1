"""A figure per experiment, in the paper's layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.compare_flops import curves
from experiments.compare_flops import found as flops_found
from experiments.data import BASE, Data
from experiments.measures import BINS
from ttcli.bench.report.canvas import INK, MARKERS, PALETTE, drawing, save
from ttcli.bench.report.flops_plot import flops_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 9.0  # inches
BIN_NAMES = ("1, easiest", "2", "3", "4", "5, hardest")


def all_pictures(found: Mapping[str, Any], data: Data, folder: Path) -> None:
    """Draw whatever was measured."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {
        "votes": lambda: votes(found["votes"]),
        "searches": lambda: searches(found["searches"]),
        "revisions": lambda: revisions(found["revisions"]),
        "optimal": lambda: optimal(found["optimal"]),
        "noise": lambda: noise(found["noise"]),
    }
    for name, draw in drawn.items():
        if found.get(name):
            save(draw, folder / f"paper-{name}.svg")
    if found.get("flops"):
        own = [match for match in flops_found(data) if match.method == BASE]
        flops_plot(own, curves(data), "lab-policy against lab-large", folder / "paper-flops.svg")


def _new(columns: int, *, height: float = 4.4, share: bool = True) -> tuple[Figure, Sequence[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDE, height), layout="constrained")
    return figure, figure.subplots(1, columns, sharey=share, squeeze=False)[0]


def _logarithmic(axes: Axes, sizes: Sequence[int]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator([*sizes]))
    axes.xaxis.set_ticklabels([*map(str, sizes)])


def _line(axes: Axes, x: Sequence[float], told: Sequence[Mapping[str, Any]], at: int, label: str, **style: Any) -> None:
    """Means with bars for their intervals."""
    known = [(place, each) for place, each in zip(x, told, strict=True) if each["value"] is not None]
    y = [100 * each["value"] for _, each in known]
    below = [100 * (each["value"] - each["interval"][0]) for _, each in known]
    above = [100 * (each["interval"][1] - each["value"]) for _, each in known]
    look = {"color": PALETTE[at % len(PALETTE)], "marker": MARKERS[at % len(MARKERS)], "markersize": 4.0, **style}
    axes.errorbar(
        [place for place, _ in known],
        y,
        yerr=[below, above],
        label=label,
        capsize=2,
        elinewidth=0.7,
        capthick=0.7,
        **look,
    )


def votes(found: Mapping[str, Any]) -> Figure:
    """Accuracy by the number of samples: the paper's first figures of verifiers."""
    with drawing("votes"):
        parts = [found[key] for key in ("all", "deep") if key in found]
        figure, panels = _new(len(parts), height=5.6)
        for axes, part in zip(panels, parts, strict=True):
            for at, (name, values) in enumerate(part["curves"].items()):
                sizes = [n for n in part["sizes"] if values[n]["value"] is not None]
                style = {"color": INK, "linestyle": ":"} if name == "any" else {}
                _line(axes, sizes, [values[n] for n in sizes], at, name, **style)
            _logarithmic(axes, part["sizes"])
            axes.set(xlabel="samples", ylabel="accuracy, %", title=f"n = {part['n']:,}")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower left", ncols=3)
        return figure


def searches(found: Mapping[str, Any]) -> Figure:
    """Searches by budget, and by bin: beam against best-of-N at each budget (the paper's figure 3).

    Only what was drawn on all problems: the first ones alone are harder or easier than these.
    """
    with drawing("searches"):
        figure, (left, right) = _new(2, height=5.2, share=False)
        rows = [row for row in found["rows"] if row["n"] == max(each["n"] for each in found["rows"])]
        names = [*dict.fromkeys(row["method"] for row in rows)]
        budgets = [*dict.fromkeys(row["budget"] for row in rows)]
        for at, name in enumerate(names):
            own = [row for row in rows if row["method"] == name]
            beside = 1.03 ** (at - len(names) / 2)
            _line(left, [row["budget"] * beside for row in own], own, at, name)
        _logarithmic(left, budgets)
        left.set(xlabel="budget in generations", ylabel="accuracy, %")
        beam = [row for row in rows if row["method"] == "beam:m=4"]
        width = 0.8 / max(len(beam), 1)
        for at, row in enumerate(beam):
            told = row["against_by_bin"]
            x = [number + at * width for number in range(BINS)]
            y = [100 * each["value"] for each in told]
            error = [
                [100 * (each["value"] - each["interval"][0]) for each in told],
                [100 * (each["interval"][1] - each["value"]) for each in told],
            ]
            right.bar(x, y, width, yerr=error, color=PALETTE[at], label=f"beam, M = 4, at {row['budget']}",
                      error_kw={"linewidth": 0.7})  # fmt: skip
        right.axhline(0, color=INK, linewidth=0.8)
        right.set_xticks([number + 0.4 - width / 2 for number in range(BINS)], BIN_NAMES)
        right.set(xlabel="bin of difficulty", ylabel="points over best-of-N weighted")
        right.legend(loc="best", fontsize="small")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=4)
        return figure


def revisions(found: Mapping[str, Any]) -> Figure:
    """Pass@1 by attempt, and the ratio of length to number of chains, in all and by bin (figures 6 and 7)."""
    with drawing("revisions"):
        figure, (first, second, third) = _new(3, height=4.6, share=False)
        for at, (drawn, steps) in enumerate(found["steps"].items()):
            _line(first, [step["attempt"] for step in steps], steps, at, f"{drawn} attempts, n = {steps[0]['n']:,}")
        first.set(xlabel="attempt in the chain", ylabel="right, %")
        first.legend(fontsize="small")
        budgets = [*dict.fromkeys(row["budget"] for row in found["ratios"])]
        lengths = sorted({row["length"] for row in found["ratios"]})
        for at, budget in enumerate(budgets):
            own = _ratios_of(found, budget)
            _line(second, [row["length"] for row in own], own, at, f"N = {budget}")
        _logarithmic(second, lengths)
        second.set(xlabel="length of chains", ylabel="accuracy, %")
        second.legend(fontsize="small")
        middle = 16 if 16 in budgets else budgets[-1]
        own = _ratios_of(found, middle)
        for number, name in enumerate(BIN_NAMES):
            _line(third, [row["length"] for row in own], [row["bins"][number] for row in own], number, f"bin {name}")
        _logarithmic(third, [row["length"] for row in own])
        third.set(xlabel=f"length of chains, N = {middle}", ylabel="accuracy, %")
        third.legend(fontsize="small")
        return figure


def _ratios_of(found: Mapping[str, Any], budget: int) -> list[Mapping[str, Any]]:
    """The divisions of a budget, each once, from the chains that most problems have."""
    own: dict[int, Mapping[str, Any]] = {}
    for row in found["ratios"]:
        if row["budget"] == budget and (row["length"] not in own or row["n"] > own[row["length"]]["n"]):
            own[row["length"]] = row
    most = max(row["n"] for row in own.values())
    return [own[length] for length in sorted(own) if own[length]["n"] == most]


def optimal(found: Mapping[str, Any]) -> Figure:
    """Compute-optimal against best-of-N (figures 1 and 4)."""
    with drawing("optimal"):
        whole = [row for row in found["rows"] if row["difficulty"] and row["n"] == found["n"]]
        families = [*dict.fromkeys(row["family"] for row in whole)]
        figure, panels = _new(len(families), height=4.8)
        for axes, family in zip(panels, families, strict=True):
            for at, (name, values) in enumerate(found["curves"].items()):
                sizes = [size for size in values if size > 1]
                _line(axes, sizes, [values[size] for size in sizes], at, name)
            kinds = ("oracle", "predicted", "charged", "averaged budgets")
            for at, kind in enumerate(kinds, 2):
                own = [row for row in whole if (row["family"], row["difficulty"]) == (family, kind)]
                if own:
                    _line(axes, [row.get("samples", row["budget"]) for row in own], own, at, kind)
            _logarithmic(axes, sizes)
            axes.set(xlabel="budget in generations", title=family)
        panels[0].set(ylabel="accuracy, %")
        known: dict[str, Any] = {}
        for axes in panels:
            handles, labels = axes.get_legend_handles_labels()
            known |= dict(zip(labels, handles, strict=True))
        figure.legend([*known.values()], [*known], loc="outside lower left", ncols=3)
        return figure


def noise(found: Sequence[Mapping[str, Any]]) -> Figure:
    """Beam search less the vote, by how well the verifier tells right from wrong."""
    with drawing("noise"):
        figure, (left, right) = _new(2, share=False)
        x = [row["auc"]["value"] for row in found]
        for at, budget in enumerate(found[0]["budgets"]):
            own = [row["budgets"][budget] for row in found]
            _line(left, x, [each["beam - best-of-n"] for each in own], at, f"N = {budget}")
            _line(right, x, [each["beam - majority"] for each in own], at, f"N = {budget}")
        for axes, other in ((left, "best-of-N weighted"), (right, "majority")):
            axes.axhline(0, color=INK, linewidth=0.8)
            axes.set(xlabel="AUC within a problem of the verifier", ylabel=f"points of beam search over {other}")
            axes.legend(fontsize="small")
        return figure
