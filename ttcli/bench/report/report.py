"""A run as one page that needs nothing else: no server, no network, no file beside it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from ttcli.bench.figures.numbers import bounds, p_value, part, percent, points, points_between, short, verdict
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.figures.summary import Group, Revisions, Summary, SummaryLine, summary_of
from ttcli.bench.report import plots
from ttcli.bench.report.details import index_record, problem_records
from ttcli.bench.store.store import LoadRow, Run, Store
from ttcli.files.atomic import writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLOCKS = "<!-- problems -->"  # stands where the data of the problems go
_ESCAPES = str.maketrans(
    {each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}
)  # no text of a model ends a script


def write_report(store: Store, run: Run, path: Path) -> None:
    """Write the page; one that stood there before is replaced when the new one is complete.

    Raises:
        TtcError: the file cannot be written.
        StoreError: the store cannot be read.
    """
    figures = load_figures(store, run)
    loads = store.loads(run)
    page = _page(summary_of(run, figures, loads), figures, loads)
    head, tail = page.split(_BLOCKS)
    with writing(path) as file:
        for part in (head, *_blocks(store, run, figures), tail):
            file.write(part.encode())


def embedded(record: object) -> str:
    """JSON that may stand in a script element, whatever its texts say."""
    return json.dumps(record, separators=(",", ":")).translate(_ESCAPES)


def _blocks(store: Store, run: Run, figures: Sequence[ProblemFigures]) -> Iterator[str]:
    """An element with the data of each problem, which the page reads when the problem is unfolded."""
    for position, record in problem_records(store, run, figures):
        yield f'<script type="application/json" id="problem-{position}">{embedded(record)}</script>\n'


def _page(summary: Summary, figures: Sequence[ProblemFigures], loads: Sequence[LoadRow]) -> str:
    run = summary.run
    here = files("ttcli.bench.report")
    parts = {
        "title": escape(f"ttc bench {run.id}: {run.config.model} on {run.config.data}"),
        "style": here.joinpath("report.css").read_text("utf-8"),
        "script": here.joinpath("report.js").read_text("utf-8"),
        "facts": _facts(summary),
        "accuracy": _accuracy(summary),
        "costs": _costs(summary),
        "groups": "\n".join(_groups(summary)),
        "fill": _fill(summary, loads),
        "index": embedded(index_record(run, figures)),
        "blocks": _BLOCKS,
    }
    return Template(here.joinpath("report.html").read_text("utf-8")).substitute(parts)


def _facts(summary: Summary) -> str:
    run, config = summary.run, summary.run.config
    when = datetime.fromtimestamp(run.created, UTC)
    facts = {
        "Run": run.id,
        "Model": config.model,
        **({"Reviser": config.reviser} if config.reviser else {}),
        "Data": config.data,
        "Problems": f"{summary.problems:,}: {summary.done:,} done, {summary.failed:,} of them failed, "
        f"{summary.problems - summary.done:,} to do",
        "Samples": f"{summary.samples:,}: {percent(summary.silent)} without an answer, "
        f"{percent(summary.truncated)} cut at the token limit",
        "Drawn": f"at temperature {config.temperature:g}, seed {config.seed}",
        "Begun": f"{when:%Y-%m-%d %H:%M} UTC",
        "With": f"ttc {config.ttc}",
    }
    listed = "".join(f"<div><dt>{name}</dt><dd>{escape(fact)}</dd></div>" for name, fact in facts.items())
    return f'<dl class="facts">{listed}</dl>\n<pre class="command">{escape(shlex.join(config.command))}</pre>'


def _accuracy(summary: Summary) -> str:
    figure = plots.accuracy_figure([summary])
    says = "Accuracy against budget; the table below has the numbers."
    any_cut = any(line.cut for line in summary.lines)
    rows = [
        [
            *(line.name, str(line.budget), f"{line.problems:,}", percent(line.accuracy), bounds(line.interval)),
            *([percent(line.cut)] if any_cut else []),
            *_difference(line),
        ]
        for line in summary.lines
    ]
    cut = ["Cut"] if any_cut else []
    heads = ["Method", "Budget", "n", "Accuracy", "95 % interval", *cut, "Difference", "95 % interval", "p"]
    caption = (
        f"Accuracy, and the difference to {summary.run.config.baseline} at the same budget in points. Accuracy, "
        "difference and p (a sign-flip test) are those of all draws of so many samples."
    )
    largest = {line.name: line for line in summary.lines if line.against}
    verdicts = [
        f"<li>{escape(line.key)}: {escape(verdict(line.against, line.problems))}</li>"
        for line in largest.values()
        if line.against
    ]
    told = f"<ul>{''.join(verdicts)}</ul>" if verdicts else ""
    more = _chosen(summary) + "".join(map(_revised, summary.revisions))
    return _plot(figure, "accuracy", says) + _table(caption, heads, rows) + told + more


def _chosen(summary: Summary) -> str:
    """What a task that chooses a method by problem came to choose."""
    if not summary.chosen:
        return ""
    rows = [[each.task, each.method, f"{each.problems:,}"] for each in summary.chosen]
    return _table("What was chosen, and for how many problems.", ["Method", "Chosen", "Problems"], rows)


def _revised(revisions: Revisions) -> str:
    """What revising did, attempt by attempt."""
    rows = [[f"{step.place + 1}", part(step.right), part(step.spoiled), part(step.mended)] for step in revisions.steps]
    caption = f"{revisions.task}: attempts by their place in the chain, with 95 % intervals."
    return _table(caption, ["Attempt", "Right", "Right to wrong", "Wrong to right"], rows)


def _difference(line: SummaryLine) -> list[str]:
    against = line.against
    if against is None:
        return [""] * 3
    return [points(against.difference), points_between(against.interval), p_value(against.p_all)]


def _costs(summary: Summary) -> str:
    config = summary.run.config
    methods = {task.name for task in config.tasks}
    rows = []
    for line in summary.lines:
        if line.name in methods:
            spent = line.spending
            tokens = (
                spent.prompt_tokens,
                spent.policy_tokens,
                spent.verifier_tokens,
                spent.tokens,
                spent.shared_tokens,
            )
            flops = short(spent.flops) if config.parameters else "not known"
            counts = [f"{count:,.0f}" for count in tokens]
            rows.append([line.name, str(line.budget), *counts, flops, f"{spent.seconds:,.1f}"])
    heads = ["Method", "Budget", "Prompt", "Policy", "Verifier", "Tokens", "Shared", "FLOPs", "Seconds"]
    caption = (
        "Cost per problem. Tokens are those of prompt, policy and verifier; shared ones were spared besides. Seconds "
        "are the machine's. FLOPs are 2 x parameters x tokens, embedding look-ups excluded."
    )
    drawn = [
        _plot(plots.cost_figure([summary], measure), measure, f"Accuracy against {measure} per problem.")
        for measure in ("tokens", "seconds")
    ]
    return "".join(drawn) + _table(caption, heads, rows)


def _groups(summary: Summary) -> Iterator[str]:
    kinds: dict[str, list[Group]] = {}
    for group in summary.groups:
        kinds.setdefault(group.kind, []).append(group)
    if kinds:
        yield f"<h2>By {', '.join(kinds)}</h2>"
    for kind, groups in kinds.items():
        names = [*dict.fromkeys(line.key for group in groups for line in group.lines)]
        rows = []
        for group in groups:
            lines: Mapping[str, SummaryLine] = {line.key: line for line in group.lines}
            cells = [
                f"{percent(lines[name].accuracy)} ({bounds(lines[name].interval)}), n = {lines[name].problems:,}"
                if name in lines
                else ""
                for name in names
            ]
            rows.append([group.name, *cells])
        caption = f"Accuracy by {kind}, with its 95 % interval."
        yield _table(caption, [kind.capitalize(), *names], rows)


def _fill(summary: Summary, loads: Sequence[LoadRow]) -> str:
    if summary.fill is None:
        return ""
    drawn = _plot(plots.fill_figure(loads), "fill", "Part of the batch in use over the time of the work.")
    return f"<h2>Batch</h2><p>{percent(summary.fill)} full while problems waited.</p>{drawn}"


def _plot(figure: Figure, name: str, says: str) -> str:
    drawn = plots.svg_text(figure, name, says)
    return f'<figure class="scroll" tabindex="0" aria-label="{escape(says)}">{drawn}</figure>\n'


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body, before = [], rows[0][0] if rows else ""
    for first, *cells in rows:
        others = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        opens = "" if first == before else ' class="new"'
        body.append(f'<tr{opens}><th scope="row">{escape(first)}</th>{others}</tr>')
        before = first
    return (
        f'<p class="caption">{escape(caption)}</p>\n<div class="scroll" tabindex="0" role="region" '
        f'aria-label="{escape(caption)}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>\n"
    )
