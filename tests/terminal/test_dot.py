from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import HANG

from terminal.forest import SMALL_EVENTS, TREE_BEGAN, node, stepped
from terminal.pictures import EVIL
from ttcli.events import Event
from ttcli.terminal.dot import dot_lines
from ttcli.terminal.state import RunState

# an identifier or a quoted string, with what may stand between them
TOKEN = re.compile(r'\s*(?:"(?:[^"\\\n]|\\[^\n])*"|->|[\w#.]+|[{}\[\]=,;])')


def dot(events: Sequence[Event], problem: str = "What is 17 * 23?", *, pruned: bool = True) -> list[str]:
    state = RunState()
    for event in events:
        state.take(event)
    return [*dot_lines(state.tree, problem, pruned=pruned)]


def is_sound(lines: Sequence[str]) -> bool:
    """Whether it is words of Graphviz's language and nothing else, its brackets in pairs."""
    text = "\n".join(lines)
    at = 0
    while match := TOKEN.match(text, at):
        at = match.end()
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    return not text[at:].strip() and all(bare.count(a) == bare.count(b) for a, b in ("{}", "[]"))


def test_steps_are_boxes_with_their_scores_the_way_to_the_answer_bold_the_pruned_ones_grey() -> None:
    lines = dot(SMALL_EVENTS)
    assert is_sound(lines)
    assert lines[:4] == [
        "digraph ttc {",
        '  node [shape=box, fontname="monospace", fontsize=10];',
        '  0 [label="What is 17 * 23?"];',
        '  1 [label="1, 9 tokens, score 0.75\\nFirst 17 * 20 = 340.", style=bold, penwidth=3, color="#00694b"];',
    ]
    assert "  0 -> 2 [style=dashed, color=gray, fontcolor=gray];" in lines
    assert '  5 [label="5, 10 tokens, score 0.90\\nThen 51 more: \\\\boxed{391}\\n391", style=bold' in "\n".join(lines)
    assert "  3 -> 7;" in lines
    assert lines[-1] == "}"


def test_pruned_steps_can_be_left_out() -> None:
    arrows = [line.split(" [")[0].strip(" ;") for line in dot(SMALL_EVENTS, pruned=False) if "->" in line]
    assert arrows == ["0 -> 1", "0 -> 3", "1 -> 5", "3 -> 7"]


def test_a_rollout_is_dotted() -> None:
    assert any("style=dotted" in line for line in dot([TREE_BEGAN, *stepped(node(1, 0, rollout=True))]))


@given(st.text() | st.just(EVIL) | st.just('"];\n\\'))
def test_no_text_ends_its_label(text: str) -> None:
    lines = dot([TREE_BEGAN, *stepped(node(1, 0, text))], text)
    assert is_sound(lines)
    assert len(lines) == 6


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not installed")
def test_graphviz_draws_it() -> None:
    text = "\n".join(dot([*SMALL_EVENTS, *stepped(node(9, 7, EVIL))], EVIL))
    done = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, timeout=HANG, check=True)
    assert b"<svg" in done.stdout
