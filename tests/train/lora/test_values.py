from __future__ import annotations

from train.lora.made import pooled
from ttcli.bench.store.states import Rollout
from ttcli.solution import Ended
from ttcli.train.lora.pool import examples_of, rollout_starts
from ttcli.train.lora.values import valued

A, B, C, END, OFF = "one\n\n", "two\n\n", "three\n\n", "#### 4", "#### 5"
MIXED = pooled(((A, B, END), True), ((A, B, OFF), False), ((A, C, OFF), False), ((A, B, END), True))


def outcome(sample: int, step: int, number: int, answer: str | None) -> Rollout:
    return Rollout(sample, step, number, answer, Ended.STOP, 3, 0.1)


def test_equal_beginnings_share_the_outcomes_of_all_that_go_on_from_them() -> None:
    right, wrong, other = valued(MIXED, [])
    assert right.values == (0.5, 2 / 3, 1.0)
    assert wrong.values == (0.5, 2 / 3, 0.0)
    assert other.values == (0.5, 0.0, 0.0)
    assert [each.times for each in (right, wrong, other)] == [2, 1, 1]


def test_rollouts_count_for_their_beginning_whoever_they_were_drawn_for() -> None:
    known = [outcome(2, 1, 0, "4"), outcome(2, 1, 1, "5"), outcome(2, 1, 2, None), outcome(99, 0, 0, "4")]
    assert valued(MIXED, known)[2].values == (0.5, 1 / 3, 0.0)
    assert valued(MIXED, [outcome(1, 1, 0, "4")])[0].values == (0.5, 0.75, 1.0)


def test_rollouts_begin_once_at_each_beginning_that_wants_outcomes() -> None:
    starts = rollout_starts([MIXED], [], 4)
    told = [(start.sample, tuple(step.text for step in start.steps), start.missing) for start in starts]
    assert told == [(0, (A, B), (0,)), (2, (A, C), (0, 1, 2))]  # four solutions go through the first step


def test_rollouts_that_are_there_are_not_drawn_again() -> None:
    known = [outcome(0, 1, 0, "4"), outcome(2, 1, 1, "5")]
    assert [start.missing for start in rollout_starts([MIXED], known, 4)] == [(0, 2)]


def test_problems_that_are_all_right_or_all_wrong_get_none() -> None:
    assert rollout_starts([pooled(((A, END), True)), pooled(((A, OFF), False), ((B, OFF), False))], [], 8) == []


def test_a_pool_is_judged_as_heads_are() -> None:
    examples = examples_of([pooled(((A, B, END), True), ((OFF,), False), position=7), MIXED])
    assert examples.problem.tolist() == [7, 7, 0, 0, 0, 0]
    assert examples.steps.tolist() == [3, 1, 3, 3, 3, 3]
    assert examples.labels.tolist()[:4] == [1, 1, 1, 0]
