"""A search tree in the language of Graphviz."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ttcli.printable import one_line
from ttcli.record.tree import SearchTree, Subtree
from ttcli.terminal import words

_WIDTH, _LINES = 36, 4  # of the text in a box


def dot_lines(tree: SearchTree, problem: str, *, pruned: bool) -> Iterator[str]:
    """A box for every step, those on the way to the answer bold, those that were pruned grey and dashed."""
    yield "digraph ttc {"
    yield '  node [shape=box, fontname="monospace", fontsize=10];'
    yield f"  0 [label={_quoted(_text(problem))}];"
    for step in tree.shown(pruned=pruned):
        style = _style(step, tree)
        yield f"  {step.number} [label={_quoted(_label(step))}{style}];"
        yield f"  {step.parent} -> {step.number}{f' [{style[2:]}]' if style else ''};"
    yield "}"


def _label(step: Subtree) -> list[str]:
    facts = [f"{step.number}", words.counted(step.tokens, "token")]
    if step.score is not None:
        facts.append(f"score {step.score:.2f}")
    if step.ended is not None and (fate := words.fate(step.ended)):
        facts.append(fate)
    answer = [words.answer(step.candidate)] if step.candidate else []
    return [", ".join(facts), *_text(step.tail), *answer]


def _text(text: str) -> list[str]:
    return textwrap.wrap(one_line(text), _WIDTH, max_lines=_LINES, placeholder=" ...")


def _style(step: Subtree, tree: SearchTree) -> str:
    if step.number in tree.won:
        return ', style=bold, penwidth=3, color="#00694b"'
    if step.pruned:
        return ", style=dashed, color=gray, fontcolor=gray"
    return ", style=dotted" if step.rollout else ""


def _quoted(lines: list[str]) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
