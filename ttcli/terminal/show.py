"""What `ttc show` prints on stdout: the whole tree of a run, one path of it, or the tree for Graphviz."""

from __future__ import annotations

import shutil
import sys

from rich.console import Console
from rich.text import Text

from ttcli.errors import UsageError
from ttcli.events import Outcome
from ttcli.printable import many_lines, printable
from ttcli.record.recording import Recorded, as_tree, retell
from ttcli.record.tree import SearchTree
from ttcli.solution import Node
from ttcli.terminal import words
from ttcli.terminal.branches import Lines, whole
from ttcli.terminal.dot import dot_lines
from ttcli.terminal.marks import marks_for
from ttcli.terminal.state import RunState
from ttcli.terminal.votes import votes_table

_WIDE = 200  # columns of what is no terminal


def print_tree(run: Recorded, *, pruned: bool) -> None:
    """The run with every step on a line, its votes and its cost."""
    console = _console()
    marks, outcome = marks_for(console), run.outcome
    console.print(Text(marks.line(words.heading(run.began)), style="bold"))
    console.print(Text(marks.line(run.began.problem.text)))
    if outcome.chose:
        console.print(Text(marks.line(words.choice(outcome.chose))))
    console.print(Lines(whole(_tree(run), console.width, marks, pruned=pruned)), end="")
    if outcome.ballot.votes:
        console.print(votes_table(outcome.ballot, outcome.ballot.votes, console.width, marks))
    told = [words.support(outcome), words.used(outcome.cost, run.began.budget), words.spending(outcome.cost)]
    if outcome.stopped is not None:
        told.append(f"stopped by the {outcome.stopped}")
    console.print(Text("; ".join(told), style="dim"))


def print_path(run: Recorded, number: int) -> None:
    """The problem and the steps down to one of them, their texts whole.

    Raises:
        UsageError: there is no such step.
    """
    outcome = as_tree(run.outcome)
    nodes = {node.number: node for node in outcome.tree}
    if number not in nodes:
        known = f"{min(nodes)} to {max(nodes)}" if nodes else "none"
        raise UsageError(f"there is no step {number}", hint=f"steps are numbered: {known}")
    path = [nodes[number]]
    while path[0].parent:
        path.insert(0, nodes[path[0].parent])
    console = _console()
    console.print(Text("problem", style="bold"))
    console.print(Text(many_lines(run.began.problem.text)), soft_wrap=True)
    for node in path:
        console.print()
        console.print(Text(_facts(node, outcome), style="bold"))
        console.print(Text(many_lines(node.text).strip("\n")), soft_wrap=True)


def print_dot(run: Recorded, *, pruned: bool) -> None:
    """The tree for Graphviz."""
    for line in dot_lines(_tree(run), run.began.problem.text, pruned=pruned):
        print(printable(line))


def _tree(run: Recorded) -> SearchTree:
    outcome = as_tree(run.outcome)
    state = RunState()
    for event in Recorded(run.began, tuple(retell(outcome)), outcome).tell():
        state.take(event)
    return state.tree


def _facts(node: Node, outcome: Outcome) -> str:
    told = [f"step {node.number}", words.counted(node.tokens, "token")]
    if node.score is not None:
        told.append(f"score {node.score:.2f}")
    if fate := words.fate(node.ended):
        told.append(fate)
    told += ["looks ahead"] if node.rollout else []
    told += ["pruned"] if node.pruned else []
    told += [f"answer {words.answer(candidate)}" for candidate in outcome.candidates if candidate.node == node.number]
    return ", ".join(told).replace("answer no answer", "no answer").replace(f"answer {words.CUT}", words.CUT)


def _console() -> Console:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE
    return Console(file=sys.stdout, width=width, highlight=False)
