from __future__ import annotations

from itertools import combinations

import pytest

from bench.builder import Made, make_rows
from ttcli.bench.figures.cut import cut_outcome, cut_vote, cut_warning
from ttcli.bench.store.samples import Facts
from ttcli.solution import Ended


def facts(*told: tuple[str | None, Ended]) -> list[Facts]:
    return [Facts(0, n, n, answer, ended, 9, 6, 0.1, None, {}) for n, (answer, ended) in enumerate(told)]


CUT, NONE, RIGHT = (None, Ended.LENGTH), (None, Ended.STOP), ("4", Ended.STOP)
MIXED = facts(CUT, RIGHT, NONE, CUT, NONE)


@pytest.mark.parametrize("n", range(1, 6))
def test_a_vote_is_cut_where_nothing_has_an_answer_and_something_was_cut(n: int) -> None:
    subsets = list(combinations(MIXED, n))
    plainly = [
        all(each.answer is None for each in s) and any(each.ended is Ended.LENGTH for each in s) for s in subsets
    ]
    assert cut_vote(MIXED, n) == pytest.approx(sum(plainly) / len(subsets))


def test_an_answer_of_a_text_that_was_cut_is_an_answer() -> None:
    assert cut_vote(facts(("4", Ended.LENGTH)), 1) == 0


def test_an_outcome_is_cut_likewise() -> None:
    def outcome(answer: str | None, *ends: str) -> dict[str, object]:
        return {"answer": answer, "candidates": [{"ended": ended} for ended in ends]}

    assert cut_outcome(outcome(None, "stop", "length"))
    assert not cut_outcome(outcome(None, "stop", "cut"))
    assert not cut_outcome(outcome("4", "length"))


def test_more_than_a_tenth_is_worth_a_warning_with_the_option() -> None:
    config = Made(make_rows(1)).config
    assert cut_warning(config, 0.1) is None
    told = cut_warning(config, 0.32)
    assert told is not None
    assert "32 % of the samples" in told
    assert "--max-tokens 1024" in told
