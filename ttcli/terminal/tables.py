"""The figures of a run in aligned columns: plain text, for a terminal and a pipe alike."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from itertools import groupby

from ttcli.bench.figures.compare import Pairing
from ttcli.bench.figures.numbers import bounds, p_value, percent, points, points_between, short, to_tell, verdict
from ttcli.bench.figures.summary import ALL_CORRECT, Summary, SummaryLine
from ttcli.stats.intervals import SIGNIFICANT, Comparison
from ttcli.terminal import words
from ttcli.terminal.columns import Column, fitted, table
from ttcli.terminal.marks import UNICODE, Marks

WIDTH = 100  # columns at most, where names and numbers allow it


def run_header(summary: Summary, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """What the run is, and how far it has come."""
    config = summary.run.config
    done = [f"{summary.done:,} done"] + ([f"{summary.failed:,} of them failed"] if summary.failed else [])
    if missing := summary.problems - summary.done:
        done.append(f"{missing:,} to do")
    facts = {
        "run": summary.run.id,
        "model": config.model,
        "reviser": config.reviser or "",
        "data": f"{config.data}, {words.counted(summary.problems, 'problem')}: {', '.join(done)}",
        "drawn": f"at temperature {config.temperature:g}, seed {config.seed}",
        "samples": f"{summary.samples:,}: {percent(summary.silent)} without an answer, "
        f"{percent(summary.truncated)} cut at the token limit"
        if summary.samples
        else "",
        "ungraded": f"{words.counted(summary.ungraded, 'answer')}: comparing took too long, so they count as wrong"
        if summary.ungraded
        else "",
        "batch": f"{summary.fill:.1%} full while problems waited".replace("%", " %") if summary.fill else "",
    }
    lines: list[str] = []
    for name, fact in facts.items():
        if fact:
            lines += _wrapped(f"{name:9}{marks.line(fact)}", width, indent=9)
    return lines


def accuracy_table(summary: Summary, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """Accuracy of every method at every budget, and its difference to the baseline; in two tables where it must."""
    lines = summary.lines
    if not lines:
        return ["no problem is done yet"]
    counts = {line.problems for line in lines}
    heads = [_names(lines), _budgets(lines)]
    if len(counts) > 1:
        heads.append(Column("n", [f"{line.problems:,}" for line in lines]))
    compared = any(line.against for line in lines)
    differences = _differences([line.against for line in lines]) if compared else []
    said = [f"n = {words.counted(max(counts), 'problem')}"] if len(counts) == 1 else []
    said.append("intervals are those of 95 %")
    if compared:
        said.append(f"difference to {summary.run.config.baseline} at the same budget, in points")
        said.append("accuracy, difference and p (a sign-flip test) are those of all draws of so many samples")
    if any(line.cut for line in lines):
        said.append("cut: no answer, and some of what was drawn ran into the token limit")
    if any(line.name == ALL_CORRECT for line in lines):
        said.append("any correct is pass@k and all correct pass^k, with the budget as k")
    note = _wrapped(marks.line("; ".join(said)), width)
    return [*note, "", *fitted(heads, _accuracies(lines), differences, width, marks)]


def divided(summary: Summary, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """What was drawn of budgets that problems share, and what was chosen where a method chooses; nothing elsewhere."""
    lines = []
    for line in summary.lines:
        if line.budget.shared:
            drawn = f"{line.spending.generations:,.1f} samples a problem of {line.budget.amount:g} allowed"
            lines += _wrapped(marks.line(f"{line.key}: {drawn}"), width, indent=2)
    for task, group in groupby(summary.chosen, key=lambda each: each.task):
        told = ", ".join(f"{each.method} for {words.counted(each.problems, 'problem')}" for each in group)
        lines += _wrapped(marks.line(f"{task} chose {told}"), width, indent=2)
    return lines


def undecided(summary: Summary, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """What is not significant at the largest budgets, and how many problems would tell; nothing where all is."""
    largest = {line.name: line for line in summary.lines if line.against}
    lines = []
    for line in largest.values():
        if line.against and line.against.p_all >= SIGNIFICANT:
            text = f"{line.key} against {summary.run.config.baseline}: {verdict(line.against, line.problems)}"
            lines += _wrapped(marks.line(text), width, indent=2)
    return lines


def cost_tables(summary: Summary, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """What every method costs per problem, and what those of the command cost in all."""
    config = summary.run.config
    methods = {task.name for task in config.tasks}
    lines = [line for line in summary.lines if line.name in methods]
    if not lines:
        return []
    asked = [line for line in lines if line.key in {task.key for task in config.tasks}]
    note = (
        "per problem; tokens are those of prompt, policy and verifier, shared ones were spared besides; "
        "seconds are the machine's; FLOPs are 2 x parameters x tokens, embedding look-ups excluded"
    )
    known = bool(config.parameters)
    each = table([_names(lines), _budgets(lines), *_costs(lines, known=known)], width, marks)
    everything = table([_names(asked), _budgets(asked), *_totals(asked, known=known)], width, marks)
    alone = "in all, had each method drawn its own samples"
    return [*_wrapped(note, width), "", *each, "", alone, "", *everything]


def group_tables(summary: Summary, *, width: int = WIDTH, marks: Marks = UNICODE) -> list[str]:
    """Accuracy by what problems have in common, a table for each kind; nothing where there are no groups."""
    lines: list[str] = []
    for kind in dict.fromkeys(group.kind for group in summary.groups):
        pairs = [(group, line) for group in summary.groups if group.kind == kind for line in group.lines]
        members = [line for _, line in pairs]
        heads = [
            Column(kind, [group.name for group, _ in pairs], left=True),
            Column("method", [line.key for line in members], left=True),
            Column("n", [f"{line.problems:,}" for line in members]),
        ]
        compared = any(line.against for line in members)
        differences = _differences([line.against for line in members])[:2] if compared else []
        lines += [*([""] if lines else []), *fitted(heads, _accuracies(members), differences, width, marks)]
    return lines


def comparison_table(
    rows: Sequence[Pairing], first: str, second: str, *, width: int = WIDTH, marks: Marks = UNICODE
) -> list[str]:
    """Pairings, and how many problems would tell where they do not; `first` and `second` say what was paired."""
    heads = [
        Column("method", [row.name for row in rows], left=True),
        Column("n", [f"{row.problems:,}" for row in rows]),
    ]
    accuracies = [
        Column("A", [percent(row.first) for row in rows]),
        Column("95 % interval", [bounds(row.first_interval) for row in rows]),
        Column("B", [percent(row.second) for row in rows]),
        Column("95 % interval", [bounds(row.second_interval) for row in rows]),
    ]
    tests = [*_differences([row.comparison for row in rows]), Column("to tell", [_to_tell(row) for row in rows])]
    said = [marks.line(f"A: {first}"), marks.line(f"B: {second}")]
    note = (
        "difference of B to A, in points; p by a sign-flip test over all draws; "
        "to tell: problems that would make such a difference significant, four times in five"
    )
    return [*said, "", *fitted(heads, accuracies, tests, width, marks), "", *_wrapped(note, width)]


# -- columns


def _names(lines: Sequence[SummaryLine]) -> Column:
    return Column("method", [line.name for line in lines], left=True)


def _budgets(lines: Sequence[SummaryLine]) -> Column:
    return Column("budget", [str(line.budget) for line in lines])


def _accuracies(lines: Sequence[SummaryLine]) -> list[Column]:
    columns = [
        Column("accuracy", [percent(line.accuracy) for line in lines]),
        Column("interval", [bounds(line.interval) for line in lines]),
    ]
    if any(line.cut for line in lines):
        columns.append(Column(words.CUT, [percent(line.cut) if line.cut else "" for line in lines]))
    return columns


def _differences(found: Sequence[Comparison | None]) -> list[Column]:
    def column(head: str, cell: Callable[[Comparison], str]) -> Column:
        return Column(head, [cell(each) if each else "" for each in found])

    return [
        column("difference", lambda each: points(each.difference)),
        column("interval", lambda each: points_between(each.interval)),
        column("p", lambda each: p_value(each.p_all)),
    ]


def _costs(lines: Sequence[SummaryLine], *, known: bool) -> list[Column]:
    spending = [line.spending for line in lines]
    return [
        Column("prompt", [f"{each.prompt_tokens:,.0f}" for each in spending], spare=3),
        Column("policy", [f"{each.policy_tokens:,.0f}" for each in spending], spare=2),
        Column("verifier", [f"{each.verifier_tokens:,.0f}" for each in spending], spare=1),
        Column("tokens", [f"{each.tokens:,.0f}" for each in spending]),
        Column("shared", [f"{each.shared_tokens:,.0f}" for each in spending], spare=4),
        Column("FLOPs", [short(each.flops) if known else "-" for each in spending]),
        Column("seconds", [f"{each.seconds:,.1f}" for each in spending]),
    ]


def _totals(lines: Sequence[SummaryLine], *, known: bool) -> list[Column]:
    paired = [(line.spending, line.problems) for line in lines]
    return [
        Column("n", [f"{n:,}" for _, n in paired]),
        Column("tokens", [f"{each.tokens * n:,.0f}" for each, n in paired]),
        Column("FLOPs", [short(each.flops * n) if known else "-" for each, n in paired]),
        Column("time", [words.duration(each.seconds * n) for each, n in paired]),
    ]


def _to_tell(row: Pairing) -> str:
    if row.comparison.p_all < SIGNIFICANT:
        return "enough"
    number = to_tell(row.comparison, row.problems)
    return "-" if number is None else f"{number:,}"


def _wrapped(text: str, width: int, *, indent: int = 0) -> list[str]:
    """Lines of words; those after the first are indented, and no name is broken."""
    wrapper = textwrap.TextWrapper(
        width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
    return wrapper.wrap(text)
