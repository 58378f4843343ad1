"""The paper's figure: how far a small model comes with more solutions, and where a larger one stands at equal FLOPs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ttcli.bench.figures.flops import TRAINING, Match, Reach
from ttcli.bench.figures.numbers import round_ticks
from ttcli.bench.report.canvas import HEIGHT, INK, LINE, MARKERS, PALETTE, WIDTH, drawing, save, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CAPTION = (
    "Curves: accuracy of the small model by the number of its solutions, of all problems and by difficulty. Stars: the "
    "larger model, where both have taken as many FLOPs in pre-training and inference, at the R beside it: tokens of "
    "inference over tokens of pre-training. A star above its curve says that the larger model pays, one below it that "
    "test-time compute does. M: how many times as many parameters it has."
)


def flops_plot(matches: Sequence[Match], reaches: Sequence[Reach], title: str, path: Path) -> None:
    """The figure as a file of the kind that its suffix names.

    Raises:
        UsageError: a suffix other than .png and .svg.
        TtcError: the file cannot be written.
    """
    save(lambda: flops_figure(matches, reaches, title), path)


def flops_figure(matches: Sequence[Match], reaches: Sequence[Reach], title: str) -> Figure:
    """A pair of axes for each reckoning: a curve per bin, and a star for the large model at each ratio.

    Of several methods and opponents the first ones are drawn. A star above its curve says that pre-training pays there,
    one below it that test-time compute does.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    with drawing("flops"):
        width = WIDTH * len(TRAINING) + 2.6
        figure = Figure(figsize=(width, HEIGHT + 4 * LINE), layout="constrained")
        figure.suptitle(wrapped(title, width), x=0.01, horizontalalignment="left")
        figure.supxlabel(wrapped(_CAPTION, 1.1 * width, lines=4), x=0.01, horizontalalignment="left", fontsize="small")
        names = [*dict.fromkeys(reach.difficulty for reach in reaches)]
        styles = {name: (PALETTE[at % len(PALETTE)], MARKERS[at % len(MARKERS)]) for at, name in enumerate(names)}
        styles |= {names[0]: (INK, MARKERS[0])} if names else {}
        all_axes = figure.subplots(1, len(TRAINING), sharey=True, squeeze=False)[0]
        for axes, reckoning in zip(all_axes, TRAINING, strict=True):
            own = [match for match in matches if match.reckoning == reckoning]
            _draw(axes, [each for each in own if _first(each, own)], reaches, styles)
            axes.set_title(f"{TRAINING[reckoning]:g} (M - 1) / R for training", fontsize="medium")
        handles = [
            Line2D([], [], color=colour, marker=mark, label=f"bin {name}") for name, (colour, mark) in styles.items()
        ]
        handles.append(Line2D([], [], color=INK, marker="*", linestyle="", markersize=9, label="larger model"))
        figure.legend(handles=handles, loc="outside right center")
        return figure


def _first(match: Match, own: Sequence[Match]) -> bool:
    return (match.method, match.against) == (own[0].method, own[0].against)


def _draw(axes: Axes, matches: Sequence[Match], reaches: Sequence[Reach], styles: dict[str, tuple[str, str]]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

    axes.set_xscale("log")
    drawn = [reache for reache in reaches if matches and reache.method == matches[0].method]
    for at, (name, (colour, mark)) in enumerate(styles.items()):
        points = [each for each in drawn if each.difficulty == name]
        drawings, values = [point.drawn for point in points], [point.accuracy for point in points]
        axes.plot(drawings, values, color=colour, marker=mark, markersize=3.0)
        for match in (each for each in matches if each.difficulty == name):
            size = 16 - 2 * at  # of stars in one place all can be seen
            axes.plot(match.allowed, match.large, color=colour, marker="*", markersize=size, linestyle="")
            axes.annotate(
                f"{match.ratio:g}", (match.allowed, match.large), (4, 4), textcoords="offset points", fontsize=7
            )
    axes.set(
        xlabel="solutions of the small model, or as many FLOPs (R at the star)", ylabel="accuracy", ylim=(-0.02, 1.02)
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    ticks = round_ticks([*(each.drawn for each in drawn), *(each.allowed for each in matches)])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator([*ticks]))
    axes.xaxis.set_ticklabels([*ticks.values()])
