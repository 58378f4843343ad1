"""Kinds of pairs of answers, each with cases of its own in kinds.jsonl: what is one answer and what is not."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from ttcli.answers import equivalent

ROWS = [json.loads(line) for line in Path(__file__).with_name("kinds.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("row", [row for row in ROWS if "same" in row], ids=lambda row: row["kind"])
def test_spellings_of_one_answer_are_one_class(row: dict[str, list[str]]) -> None:
    assert [(a, b) for a, b in product(row["same"], repeat=2) if not equivalent(a, b)] == []


@pytest.mark.parametrize("row", [row for row in ROWS if "apart_from_first" in row], ids=lambda row: row["kind"])
def test_other_answers_are_other_classes(row: dict[str, list[str]]) -> None:
    first, *others = row["apart_from_first"]
    assert [other for other in others if equivalent(first, other) or equivalent(other, first)] == []
