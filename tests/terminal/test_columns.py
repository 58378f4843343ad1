"""Tables in little room: no line is wider than the terminal, and no cell is cut."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from ttcli.terminal.columns import Column, table
from ttcli.terminal.marks import ASCII

RUNS = [
    Column("run", ["9b653d1f", "03c55981"], left=True),
    Column("date", ["2026-01-01 10:00"] * 2, left=True, spare=2),
    Column("data", ["gsm8k.jsonl", "a.jsonl"], left=True),
    Column("failed", ["0", "1,234"], spare=3),
    Column("methods", ["majority@4/8, best-of-n[confidence]@4/8, greedy@1", "beam@4"], left=True, folds=True, spare=1),
]


@pytest.mark.parametrize("width", [100, 80, 70, 60, 50, 40, 30])
def test_no_line_is_wider_than_the_room(width: int) -> None:
    assert max(map(cell_len, table(RUNS, width, ASCII))) <= width


def test_words_are_folded_before_anything_is_left_out() -> None:
    assert table(RUNS, 76, ASCII) == [
        "run       date              data         failed  methods",
        "-" * 75,
        "9b653d1f  2026-01-01 10:00  gsm8k.jsonl       0  majority@4/8,",
        "                                                 best-of-n[confidence]@4/8,",
        "                                                 greedy@1",
        "03c55981  2026-01-01 10:00  a.jsonl       1,234  beam@4",
    ]


def test_what_is_spared_most_easily_goes_first() -> None:
    heads = [table(RUNS, width, ASCII)[0] for width in (70, 50)]
    assert ["date" in head for head in heads] == [True, False]
    assert not any("failed" in head for head in heads)


def test_what_has_no_room_at_all_has_a_line_for_each_cell() -> None:
    columns = [Column("run", ["1", "2"]), Column("model", ["a-long-name", "b"]), Column("accuracy", ["40.0 %", "50 %"])]
    assert table(columns, 20, ASCII) == [
        "run       1", "model     a-long-name", "accuracy  40.0 %", "", "run       2", "model     b", "accuracy  50 %"
    ]  # fmt: skip
