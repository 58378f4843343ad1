from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from bench.builder import make_line, make_summary
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from terminal.pictures import EVIL
from ttcli.bench.figures.summary import COVERAGE, RANDOM, SummaryLine
from ttcli.terminal.chart import accuracy_chart
from ttcli.terminal.marks import ASCII, UNICODE

LINES = [
    *(make_line("majority", n, right) for n, right in (("1", 43), ("2", 46), ("4", 55), ("8", 62))),
    *(make_line("best-of-n[judge]", n, right) for n, right in (("1", 43), ("2", 54), ("4", 62), ("8", 70))),
    make_line("adaptive", "8", 58),
    *(make_line(COVERAGE, n, right) for n, right in (("1", 43), ("2", 62), ("4", 80), ("8", 91))),
    make_line(RANDOM, "1", 43),
]


def chart(lines: Sequence[SummaryLine], *, height: int = 9, **options: Any) -> list[str]:
    return accuracy_chart([make_summary(lines)], width=60, height=height, **options)


def test_a_chart_of_several_methods() -> None:
    assert chart(LINES) == [
        "tiny, gsm8k-like.jsonl, 100 problems",
        "",
        "100 % │",
        "      │                                            ···D",
        "      │                                    ········",
        " 80 % │                            ····D···",
        "      │                     ·······            ·······B",
        " 60 % │              ··D····    ·······B··············A",
        "      │         ·······B···············A·······       C",
        "      │    ············A········",
        " 40 % │╌ABD·····╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌E",
        "      └─────────────────────────────────────────────────────",
        "        1              2               4              8",
        "                       budget in generations",
        "A  majority          62.0 % (52.2 to 70.9) at 8",
        "B  best-of-n[judge]  70.0 % (60.4 to 78.1) at 8",
        "C  adaptive          58.0 % (48.2 to 67.2) at 8",
        "D  any correct       91.0 % (83.8 to 95.2) at 8",
        "E  random pick       43.0 % (33.7 to 52.8)",
    ]


def test_ascii_marks_make_an_ascii_chart() -> None:
    lines = accuracy_chart([make_summary(LINES, model="größe")], width=60, height=9, marks=ASCII)
    assert "".join(lines).isascii()
    assert lines[0] == "gr??e, gsm8k-like.jsonl, 100 problems"
    assert len(lines) == len(chart(LINES))


def test_one_method_with_one_budget() -> None:
    assert chart([make_line("greedy", "1", 50)], height=5) == [
        "tiny, gsm8k-like.jsonl, 100 problems",
        "",
        " 60 % │",
        "      │",
        " 50 % │                         A",
        "      │",
        " 40 % │",
        "      └─────────────────────────────────────────────────────",
        "                                1",
        "                       budget in generations",
        "A  greedy  50.0 % (40.4 to 59.6) at 1",
    ]


@pytest.mark.parametrize(("right", "labels"), [(0, {" 10 %", "  0 %"}), (100, {"100 %", " 90 %"})])
def test_the_ends_of_the_scale_are_inside(right: int, labels: set[str]) -> None:
    lines = chart([make_line("majority", n, right) for n in ("1", "2", "4")])
    assert labels <= {line[:5] for line in lines}
    assert sum(line.count("A") for line in lines[2:11]) == 3


def test_budgets_in_other_units_get_a_chart_of_their_own() -> None:
    lines = chart([*LINES, make_line("majority", "2000tok", 40), make_line("majority", "20000tok", 50)])
    assert sum(line.strip() == "budget in tokens" for line in lines) == 1
    assert lines[-1] == "A  majority  50.0 % (40.4 to 59.6) at 20000tok"
    assert any(line.split() == ["2,000", "20", "k"] for line in lines)


def test_long_names_have_a_line_of_their_own() -> None:
    name = f"best-of-n[judge:{'x' * 40}]"
    assert chart([make_line(name, "2", 50)])[-2:] == [f"A  {name}", "   50.0 % (40.4 to 59.6) at 2"]


def test_several_runs_share_a_chart() -> None:
    runs = [make_summary([make_line("majority", "1", right)], model=model) for right, model in ((3, "a"), (8, "b"))]
    assert [line[:14] for line in accuracy_chart(runs)[-2:]] == ["A  majority, a", "B  majority, b"]


def test_nothing_done_says_so() -> None:
    assert chart([]) == ["tiny, gsm8k-like.jsonl", "there is nothing to draw yet"]


def test_names_stay_on_their_line() -> None:
    lines = accuracy_chart([make_summary([make_line(f"best-of-n[{EVIL}]", "1", 3)], model=EVIL)])
    assert all(character.isprintable() for line in lines for character in line)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 300), st.integers(0, 100)), min_size=1, max_size=12),
    st.integers(40, 120),
    st.integers(2, 30),
    st.sampled_from([UNICODE, ASCII]),
)
def test_any_chart_has_its_size(points: list[tuple[str, int, int]], width: int, height: int, marks: object) -> None:
    unique = {(name, budget): right for name, budget, right in points}
    lines = [make_line(name, str(budget), right) for (name, budget), right in unique.items()]
    drawn = accuracy_chart([make_summary(lines)], width=width, height=height, marks=marks)  # type: ignore[arg-type]
    assert max(map(cell_len, drawn)) <= max(width, 46)
    body = "".join(drawn[2 : 2 + height])
    assert {*"ABC"[: len({name for name, _ in unique})]} <= {*body}
