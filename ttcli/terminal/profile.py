"""Profiles in plain text: the list of them, and what one says of each bin and budget."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence

from ttcli.allocate.difficulty import Calibration
from ttcli.allocate.headroom import Headroom
from ttcli.allocate.optimal import Choice
from ttcli.allocate.profile import Profile
from ttcli.bench.figures.numbers import bounds, percent, points, points_between
from ttcli.catalog.entry import RepairFigure
from ttcli.stats.intervals import Interval
from ttcli.terminal import words
from ttcli.terminal.columns import Column, fitted, table
from ttcli.terminal.runs import stdout_marks, stdout_width
from ttcli.terminal.tables import WIDTH


def profile_lines(profile: Profile) -> list[str]:
    """What it was made of, and what it chooses."""
    width, marks = stdout_width(), stdout_marks()
    made = profile.made
    facts = {
        "profile": profile.name,
        "model": profile.model,
        "verifier": profile.verifier or "none",
        "data": f"{made.data}, {words.counted(made.problems, 'problem')}, at temperature {profile.temperature:g}",
        "made": f"{made.when} by {made.command}",
    }
    lines = [f"{name:9}{marks.line(fact)}" for name, fact in facts.items()]
    choices = sorted(profile.choices, key=lambda choice: (choice.bin, choice.budget))
    heads = [
        Column("difficulty", [_bin(profile, choice) for choice in choices], left=True),
        Column("budget", [f"{choice.budget:g}" for choice in choices]),
        Column("choice", [choice.strategy for choice in choices], left=True),
    ]
    expected = [
        Column("n", [f"{choice.problems:,}" for choice in choices]),
        Column("expected", [_percent(choice.accuracy) for choice in choices]),
        Column("interval", [bounds(Interval(*choice.interval)) if choice.interval else "-" for choice in choices]),
        Column("drawn", [_number(choice.generations) for choice in choices]),
        Column("tokens", [_number(choice.tokens, 0) for choice in choices]),
    ]
    reasons = [Column("why", [_why(profile, choice) for choice in choices], left=True)]
    note = [
        "difficulty: the chance that one sample is right, as told from the first "
        f"{profile.difficulty.probes}; bin 1 is the easiest",
        "expected: accuracy of what is chosen on one half of a bin, on the other half; intervals are those of 95 %",
    ]
    told = [line for each in profile.headroom for line in ("", *headroom_lines(each))]
    return [*lines, "", *note, "", *fitted(heads, expected, reasons, width, marks), *told]


def repair_lines(figure: RepairFigure) -> list[str]:
    """What repair did to the model's samples, and what comes of it."""
    verdict = "is on" if figure.helps else "stays off"
    return textwrap.wrap(f"repair: {figure.told}; --repair auto {verdict} for this model", WIDTH)


def headroom_lines(headroom: Headroom) -> list[str]:
    """Whether choosing a way for each problem can pay at a budget, in plain words."""
    way, budget = headroom.fixed, f"{headroom.budget:g}"
    adds, most = points(headroom.by_bin), points(headroom.by_bin_most)
    sentences = [
        f"at {budget}: {way} for every problem is right in {percent(headroom.accuracy)}, the best of all single ways.",
        f"Choosing by difficulty adds {adds} points ({points_between(headroom.interval)}), chosen on one half and",
        f"measured on the other, and {most} at most, luck included.",
        f"Who knew the best way for each problem would gain {points(headroom.by_problem_most)}, of which about",
        f"{points(headroom.luck)} would be luck if all ways were equally good.",
    ]
    if headroom.settled is not None:
        sentences.append(f"The vote is settled after {headroom.settled:.1f} of {budget} samples in the mean.")
    verdicts = {
        "pays": "So allocation pays here.",
        "cannot pay": f"So allocation cannot pay here: --method {way} is as good.",
        "undecided": "So it is not known whether allocation pays here: more problems would tell;"
        f" --method {way} is the simple choice.",
    }
    return textwrap.wrap(" ".join([*sentences, verdicts[headroom.verdict]]), max(20, min(stdout_width(), 110)))


def trust_lines(trust: Calibration) -> list[str]:
    """How far the difficulty of a problem it was not fitted on can be believed."""
    columns = [
        Column("chance told", [percent(each.predicted) for each in trust.reliability]),
        Column("right", [percent(each.observed) for each in trust.reliability]),
        Column("n", [f"{each.problems:,}" for each in trust.reliability]),
    ]
    note = (
        f"difficulty on problems it was not fitted on: Brier score {trust.brier:.3f}, {trust.brier_constant:.3f} for "
        f"one chance for all, {trust.brier_known:.3f} for the true chances"
    )
    return [note, "", *table(columns, stdout_width(), stdout_marks())]


def profiles_lines(known: Sequence[Profile], used: Collection[str]) -> list[str]:
    """A line per profile; `used`: names of those put to use."""
    columns = [
        Column("profile", [each.name for each in known], left=True),
        Column("model", [each.model for each in known], left=True),
        Column("verifier", [each.verifier or "none" for each in known], left=True),
        Column("data", [each.made.data for each in known], left=True),
        Column("problems", [f"{each.made.problems:,}" for each in known]),
        Column("made", [each.made.when for each in known], left=True),
        Column("in use", ["yes" if each.name in used else "" for each in known], left=True),
    ]
    return table(columns, stdout_width(), stdout_marks())


def _bin(profile: Profile, choice: Choice) -> str:
    """The bin with its range of chances, in per cent."""
    edges = (0.0, *profile.bins.edges, 1.0)
    at = len(edges) - 2 - choice.bin
    return f"{choice.bin + 1} ({100 * edges[at]:.0f} to {100 * edges[at + 1]:.0f} %)"


def _why(profile: Profile, choice: Choice) -> str:
    if choice.gain <= 0:
        ended = "" if choice.strategy == profile.baseline else f" {profile.baseline}, ended when settled:"
        better = "likely" if profile.probed else "shown"
        return f"{ended} nothing is {better} to be better".strip()
    where = f"{100 * choice.own:.0f} % of it from this bin"
    between = points_between(Interval(*choice.gain_interval))
    sure = "" if choice.shown else ", likely and not shown"
    return f"replaces {profile.baseline}: {points(choice.gain)} points ({between}){sure}, {where}"


def _percent(share: float | None) -> str:
    return "-" if share is None else percent(share)


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
