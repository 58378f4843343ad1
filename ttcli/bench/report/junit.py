"""A run as JUnit XML, which continuous integration shows: a suite per method and budget, a test per problem."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

from ttcli.bench.figures.answers import answers_of
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.figures.summary import Summary
from ttcli.bench.store.store import Store
from ttcli.bench.store.task import Task
from ttcli.files.atomic import write_whole
from ttcli.printable import one_line

_LONG = 200  # characters of an answer


def write_junit(store: Store, summary: Summary, path: Path, *, least: float | None = None) -> None:
    """Write the problems that are done: right ones pass, wrong ones fail, those that could not be worked on are errors.

    `least`: the accuracy that the first method must have, as a test of its own; None: there is none.
    """
    run = summary.run
    done = [each for each in load_figures(store, run) if all(each.figure(task) for task in run.config.tasks)]
    said = {(each.position, told.method): told.answer for each in done for told in answers_of(store, run, each)}
    suites = Xml.Element("testsuites", name=_clean(f"ttc bench {run.config.data}"))
    for task in run.config.tasks:
        _add(
            suites, task.key, [_case(each, task, said.get((each.position, task.key)), run.config.data) for each in done]
        )
    if least is not None and summary.headline is not None:
        case = Xml.Element("testcase", classname=_clean(run.config.data), name=f"accuracy at least {least:g}")
        if summary.headline.accuracy < least:
            Xml.SubElement(case, "failure", message=f"{summary.headline.key}: {summary.headline.accuracy:.4f}")
        _add(suites, "accuracy", [case])
    write_whole(path, Xml.tostring(suites, encoding="unicode", xml_declaration=True) + "\n")


def _add(suites: Xml.Element, name: str, cases: Sequence[Xml.Element]) -> None:
    failures, errors = (sum(case.find(kind) is not None for case in cases) for kind in ("failure", "error"))
    seconds = sum(float(case.get("time", "0")) for case in cases)
    suite = Xml.SubElement(
        suites,
        "testsuite",
        name=_clean(name),
        tests=str(len(cases)),
        failures=str(failures),
        errors=str(errors),
        time=f"{seconds:.3f}",
    )
    suite.extend(cases)


def _case(figures: ProblemFigures, task: Task, answer: str | None, data: str) -> Xml.Element:
    problem, figure = figures.row.problem, figures.figure(task)
    seconds = figure.spending.seconds if figure else 0.0
    name = _clean(f"{data}.{task.key}")
    case = Xml.Element("testcase", classname=name, name=_clean(problem.id), time=f"{seconds:.3f}")
    if (reason := figures.failure(task)) is not None:
        Xml.SubElement(case, "error", message=_clean(reason))
    elif figure is None or not figure.right:
        said = "no answer" if answer is None else _clean(answer)
        Xml.SubElement(case, "failure", message=f"{said}, not {_clean(problem.answer or '')}")
    return case


def _clean(text: str) -> str:
    """Text that XML can hold, on one line."""
    return one_line(text)[:_LONG]
