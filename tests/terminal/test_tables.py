from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from bench.builder import make_line, make_run, make_summary
from rich.cells import cell_len

from terminal.pictures import EVIL
from ttcli.bench.figures.compare import Pairing
from ttcli.bench.figures.summary import COVERAGE, RANDOM, Group, summarise
from ttcli.bench.store.store import Store
from ttcli.stats.intervals import Comparison, Interval, wilson
from ttcli.terminal.chart import accuracy_chart
from ttcli.terminal.marks import ASCII
from ttcli.terminal.tables import (
    accuracy_table,
    comparison_table,
    cost_tables,
    group_tables,
    run_header,
    undecided,
)

SAME = Comparison(0.0, Interval(0.0, 0.0), 0, 0, 1.0, 1.0)
BETTER = Comparison(0.08, Interval(0.021, 0.152), 12, 3, 0.035, 0.035)
UNSURE = Comparison(-0.04, Interval(-0.101, 0.0204), 3, 7, 0.344, 0.344)
LINES = [
    *(make_line("majority", n, right) for n, right in (("1", 43), ("4", 55), ("8", 62))),
    make_line("best-of-n[judge]", "1", 43, against=SAME),
    make_line("best-of-n[judge]", "4", 63, against=BETTER._replace(p_all=0.0004)),
    make_line("best-of-n[judge]", "8", 70, against=BETTER),
    make_line("adaptive", "8", 58, against=UNSURE),
    *(make_line(COVERAGE, n, right) for n, right in (("1", 43), ("8", 100))),
    make_line(RANDOM, "1", 43),
]
SUMMARY = make_summary(
    LINES,
    samples=8,
    verifiers=("judge",),
    others=("adaptive",),
    groups=[
        Group("level", "1", 60, (make_line("majority", "8", 40, 60), make_line("adaptive", "8", 41, 60, against=SAME))),
        Group("level", "2", 40, (make_line("majority", "8", 22, 40), make_line("adaptive", "8", 17, 40, against=SAME))),
        Group("subject", "Algebra", 100, (make_line("majority", "8", 62, 100),)),
    ],
)


def test_the_header_says_what_the_run_is_and_how_far_it_has_come() -> None:
    some = replace(SUMMARY, done=97, samples=1552)
    assert run_header(some, width=60) == [
        "run      bc14820d",
        "model    tiny",
        "data     gsm8k-like.jsonl, 100 problems: 97 done, 1 of them",
        "         failed, 3 to do",
        "drawn    at temperature 0.8, seed 0",
        "samples  1,552: 4.0 % without an answer, 2.0 % cut at the",
        "         token limit",
        "batch    98.7 % full while problems waited",
    ]


def test_the_accuracy_table_has_every_budget_with_its_interval_and_difference() -> None:
    assert accuracy_table(SUMMARY) == [
        "n = 100 problems; intervals are those of 95 %; difference to majority at the same budget, in points;",
        "accuracy, difference and p (a sign-flip test) are those of all draws of so many samples",
        "",
        "method            budget  accuracy       interval  difference       interval       p",
        "────────────────────────────────────────────────────────────────────────────────────",
        "majority               1    43.0 %   33.7 to 52.8",
        "                       4    55.0 %   45.2 to 64.4",
        "                       8    62.0 %   52.2 to 70.9",
        "best-of-n[judge]       1    43.0 %   33.7 to 52.8        +0.0   +0.0 to +0.0   1.000",
        "                       4    63.0 %   53.2 to 71.8        +8.0  +2.1 to +15.2  <0.001",
        "                       8    70.0 %   60.4 to 78.1        +8.0  +2.1 to +15.2   0.035",
        "adaptive               8    58.0 %   48.2 to 67.2        -4.0  -10.1 to +2.0   0.344",
        "any correct            1    43.0 %   33.7 to 52.8",
        "                       8   100.0 %  96.3 to 100.0",
        "random pick            1    43.0 %   33.7 to 52.8",
    ]


def test_a_narrow_terminal_gets_two_tables() -> None:
    assert accuracy_table(SUMMARY, width=60) == [
        "n = 100 problems; intervals are those of 95 %; difference to",
        "majority at the same budget, in points; accuracy, difference",
        "and p (a sign-flip test) are those of all draws of so many",
        "samples",
        "",
        "method            budget  accuracy       interval",
        "─────────────────────────────────────────────────",
        "majority               1    43.0 %   33.7 to 52.8",
        "                       4    55.0 %   45.2 to 64.4",
        "                       8    62.0 %   52.2 to 70.9",
        "best-of-n[judge]       1    43.0 %   33.7 to 52.8",
        "                       4    63.0 %   53.2 to 71.8",
        "                       8    70.0 %   60.4 to 78.1",
        "adaptive               8    58.0 %   48.2 to 67.2",
        "any correct            1    43.0 %   33.7 to 52.8",
        "                       8   100.0 %  96.3 to 100.0",
        "random pick            1    43.0 %   33.7 to 52.8",
        "",
        "method            budget  difference       interval       p",
        "───────────────────────────────────────────────────────────",
        "best-of-n[judge]       1        +0.0   +0.0 to +0.0   1.000",
        "                       4        +8.0  +2.1 to +15.2  <0.001",
        "                       8        +8.0  +2.1 to +15.2   0.035",
        "adaptive               8        -4.0  -10.1 to +2.0   0.344",
    ]


def test_a_difference_that_is_not_significant_says_how_many_problems_would_tell() -> None:
    assert undecided(SUMMARY, width=80) == [
        "adaptive@8 against majority: -4.0 points, p = 0.344, not significant; about 538",
        "  problems would tell such a difference",
    ]


def test_costs_are_told_per_problem_and_in_all() -> None:
    assert cost_tables(SUMMARY, width=90) == [
        "per problem; tokens are those of prompt, policy and verifier, shared ones were spared",
        "besides; seconds are the machine's; FLOPs are 2 x parameters x tokens, embedding look-ups",
        "excluded",
        "",
        "method            budget  prompt  policy  verifier  tokens  shared  FLOPs  seconds",
        "──────────────────────────────────────────────────────────────────────────────────",
        "majority               1      60      80         0     140       0  140 G      0.8",
        "                       4      60     320         0     380     180  380 G      3.2",
        "                       8      60     640         0     700     420  700 G      6.4",
        "best-of-n[judge]       1      60      80        30     170       0  140 G      0.8",
        "                       4      60     320       120     500     180  380 G      3.2",
        "                       8      60     640       240     940     420  700 G      6.4",
        "adaptive               8      60     640         0     700     420  700 G      6.4",
        "",
        "in all, had each method drawn its own samples",
        "",
        "method            budget    n  tokens  FLOPs    time",
        "────────────────────────────────────────────────────",
        "majority               8  100  70,000   70 T  11 min",
        "best-of-n[judge]       8  100  94,000   70 T  11 min",
        "adaptive               8  100  70,000   70 T  11 min",
    ]


def test_groups_have_a_table_for_each_kind() -> None:
    assert group_tables(SUMMARY) == [
        "level  method       n  accuracy      interval  difference      interval",
        "───────────────────────────────────────────────────────────────────────",
        "1      majority@8  60    66.7 %  54.1 to 77.3",
        "       adaptive@8  60    68.3 %  55.8 to 78.7        +0.0  +0.0 to +0.0",
        "2      majority@8  40    55.0 %  39.8 to 69.3",
        "       adaptive@8  40    42.5 %  28.5 to 57.8        +0.0  +0.0 to +0.0",
        "",
        "subject  method        n  accuracy      interval",
        "────────────────────────────────────────────────",
        "Algebra  majority@8  100    62.0 %  52.2 to 70.9",
    ]


def test_pairings_say_what_would_tell() -> None:
    rows = [
        Pairing("majority@8", 100, 0.62, wilson(62, 100), 0.7, wilson(70, 100), BETTER),
        Pairing("best-of-n[judge]@8", 90, 0.62, wilson(56, 90), 0.58, wilson(52, 90), UNSURE),
        Pairing("greedy@1", 100, 0.5, wilson(50, 100), 0.5, wilson(50, 100), SAME),
    ]
    assert comparison_table(rows, "run 1a2b3c4d, tiny", "run 5e6f7a8b, small", width=100) == [
        "A: run 1a2b3c4d, tiny",
        "B: run 5e6f7a8b, small",
        "",
        "method",
        "    n       A  95 % interval       B  95 % interval  difference       interval      p  to tell",
        "──────────────────────────────────────────────────────────────────────────────────────────────",
        "majority@8",
        "  100  62.0 %   52.2 to 70.9  70.0 %   60.4 to 78.1        +8.0  +2.1 to +15.2  0.035   enough",
        "best-of-n[judge]@8",
        "   90  62.0 %   51.9 to 71.5  58.0 %   47.5 to 67.5        -4.0  -10.1 to +2.0  0.344      592",
        "greedy@1",
        "  100  50.0 %   40.4 to 59.6  50.0 %   40.4 to 59.6        +0.0   +0.0 to +0.0  1.000        -",
        "",
        "difference of B to A, in points; p by a sign-flip test over all draws; to tell: problems that would",
        "make such a difference significant, four times in five",
    ]


def test_numbers_are_never_cut_however_narrow_it_is() -> None:
    wide, narrow = accuracy_table(SUMMARY, width=200), accuracy_table(SUMMARY, width=20)
    numbers = {word for line in wide[3:] for word in line.split() if word.isascii()}
    assert numbers <= {word for line in narrow for word in line.split()}


def test_lines_on_fewer_problems_say_on_how_many() -> None:
    lines = accuracy_table(make_summary([make_line("majority", "1", 3), make_line("greedy", "1", 3, 40)]))
    assert [line.split()[:3] for line in lines[-2:]] == [["majority", "1", "100"], ["greedy", "1", "40"]]


def test_without_a_comparison_there_are_no_columns_for_it() -> None:
    lines = accuracy_table(make_summary([make_line("majority", "1", 50)]))
    assert lines == [
        "n = 100 problems; intervals are those of 95 %",
        "",
        "method    budget  accuracy      interval",
        "────────────────────────────────────────",
        "majority       1    50.0 %  40.4 to 59.6",
    ]


def test_nothing_done_says_so() -> None:
    empty = make_summary([])
    assert accuracy_table(empty) == ["no problem is done yet"]
    assert [*undecided(empty), *cost_tables(empty), *group_tables(empty)] == []
    assert run_header(empty)[2] == "data     gsm8k-like.jsonl, 100 problems: 0 done, 100 to do"


def test_flops_of_a_model_of_unknown_size_are_not_told() -> None:
    rows = [line.split() for line in cost_tables(make_summary([make_line("majority", "8", 50)], parameters=0))]
    assert ["majority", "8", "60", "640", "0", "700", "420", "-", "6.4"] in rows


def test_names_are_taken_as_they_are_and_stay_on_their_line() -> None:
    name = f"best-of-n[{EVIL}]"
    summary = make_summary([make_line(name, "8", 50), make_line("best-of-n[模型]", "8", 50)], model=EVIL, data=EVIL)
    lines = [*run_header(summary), *accuracy_table(summary), *undecided(summary), *accuracy_chart([summary])]
    assert all(character.isprintable() for line in lines for character in line)
    assert any("[red]" in line and "[/b]" in line for line in lines)
    assert len({cell_len(line) for line in accuracy_table(summary)[-2:]}) == 1


def test_ascii_marks_make_ascii_tables() -> None:
    summary = make_summary(LINES, model="größe", verifiers=("judge",))
    lines = [
        each
        for table in (run_header, accuracy_table, undecided, cost_tables, group_tables)
        for each in table(summary, marks=ASCII)
    ]
    assert "".join(lines).isascii()


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_real_run_fits_the_width(tmp_path: Path, width: int) -> None:
    run = make_run(tmp_path / "s.db", 24, others=("adaptive", "greedy"), levels=("1", "2"), failed=(3,))
    with Store(tmp_path / "s.db") as store:
        summary = summarise(store, run)
    lines = [
        each for table in (run_header, accuracy_table, undecided, group_tables) for each in table(summary, width=width)
    ]
    assert max(map(cell_len, lines)) <= width


def test_ten_thousand_samples_are_told_at_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "s.db", 625, samples=16, verifiers=("confidence", "judge"), bulk=True)
    with Store(tmp_path / "s.db") as store:
        began = time.process_time()
        summary = summarise(store, run)
        for table in (run_header, accuracy_table, undecided, cost_tables, group_tables):
            table(summary)
        accuracy_chart([summary])
        seconds = time.process_time() - began
    assert summary.samples == 10_000
    assert seconds < 10  # 1.2 to 1.7 where nothing else runs
