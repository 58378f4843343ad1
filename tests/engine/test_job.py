"""Jobs that think, fed by hand: no model is needed to know where a thought ends."""

from __future__ import annotations

from typing import Any

import pytest

from ttcli.engine.branch import Branch
from ttcli.engine.job import Job, StopCriteria, ThinkLimit
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import generator
from ttcli.solution import Ended
from ttcli.thought import USUAL_TAGS, Phase

FORCED = (900, 901, 902)


def job_of(phase: Phase = "unsaid", *, budget: int = 40, most: int = 20, **until: Any) -> Job:
    think = ThinkLimit(USUAL_TAGS, phase, budget, FORCED, "Enough. ")
    criteria = StopCriteria(most, think=think, **({"separator": "\n\n"} | until))
    return Job(Branch(None, [1]), SamplingParams(), criteria, generator(0), traced=True)


def feed(job: Job, *pieces: str | bytes | None) -> list[str]:
    """What is shown as the job takes these pieces, a token each; None: the end of the turn."""
    shown = []
    for number, piece in enumerate(pieces):
        if job.finished:
            break
        data = piece.encode() if isinstance(piece, str) else piece
        shown.append(job.take(number, data, -1.0, {}, 2.0))
        if job.due:
            shown += job.force()
    return shown


def told(job: Job) -> tuple[str | None, int, list[tuple[str, int]], Ended]:
    thought = job.thought
    steps = [(step.text, step.tokens) for step in job.steps]
    return (thought.text if thought else None, thought.tokens if thought else 0, steps, job.ended)


def test_steps_are_those_of_the_text_and_every_token_is_counted_once() -> None:
    job = job_of()
    feed(job, "<think>", "hm\n\n", "so", "</think>", "\n\n", "a\n\n", "b", None)
    assert told(job) == ("hm\n\nso", 4, [("a\n\n", 2), ("b", 2)], Ended.STOP)
    assert job.grown == 8
    assert job.thought is not None
    assert (job.thought.closed, job.thought.logprob, job.thought.certainty) == (True, -4.0, (2.0,) * 4)
    assert [step.certainty for step in job.steps] == [(2.0, 2.0), (2.0, 2.0)]


def test_a_tag_in_several_tokens_and_a_text_in_the_token_that_closes() -> None:
    job = job_of()
    feed(job, "\n", "<thi", "nk>h", "m</th", "ink>It", " is", None)
    assert told(job) == ("hm", 5, [("It is", 2)], Ended.STOP)


def test_what_does_not_think_is_all_text() -> None:
    job = job_of()
    assert "".join(feed(job, "It", " <is", " 4", None)) == "It <is 4"
    assert told(job) == (None, 0, [("It <is 4", 4)], Ended.STOP)
    assert job.aloud


def test_a_thought_that_never_ends_is_ended_by_its_budget_and_the_answer_has_its_own() -> None:
    job = job_of("thinking", budget=20, most=5)
    feed(job, *["x"] * 40)
    text, tokens, steps, ended = told(job)
    assert (text, tokens) == ("x" * 13 + "Enough. ", 16)  # four of its tokens are kept for the end of a character
    assert (steps, ended) == ([("xxxxx", 5)], Ended.LENGTH)
    assert job.branch.tokens[13:16] == list(FORCED)
    assert job.grown == 21 <= job.until.most
    assert job.thought is not None
    assert (job.thought.closed, job.thought.forced, len(job.thought.certainty)) == (True, 3, 13)


@pytest.mark.parametrize("cut", [1, 2])
def test_a_thought_is_not_ended_in_the_middle_of_a_character(cut: int) -> None:
    euro = "€".encode()
    job = job_of("thinking", budget=20)
    pieces: list[str | bytes] = ["x"] * 12
    feed(job, *pieces, euro[:cut], euro[cut:])
    assert told(job)[:2] == ("x" * 12 + "€Enough. ", 17)


def test_a_thought_of_characters_without_end_is_ended_all_the_same() -> None:
    job = job_of("thinking", budget=20, most=1)
    feed(job, *[b"\xe2\x82", *[b"\xac\xe2\x82"] * 30])
    assert job.thought is not None
    assert job.thought.tokens == 20
    assert job.grown <= job.until.most


def test_an_end_of_turn_in_a_thought_leaves_no_text() -> None:
    job = job_of()
    feed(job, "<think>", "hm", None)
    assert told(job) == ("hm", 3, [], Ended.STOP)
    assert job.thought is not None
    assert not job.thought.closed


def test_a_closing_tag_that_nobody_opened_makes_a_thought_of_the_steps_before() -> None:
    job = job_of()
    feed(job, "hm\n\n", "so", "</think>", "a", None)
    assert told(job) == ("hm\n\nso", 3, [("a", 2)], Ended.STOP)
    assert job.grown == 5


def test_nested_thoughts_end_with_the_last_tag() -> None:
    job = job_of()
    feed(job, "<think>", "a", "<think>", "b", "</think>", "c", "</think>", "d", None)
    assert told(job) == ("a<think>bc", 7, [("d", 2)], Ended.STOP)


def test_a_job_can_pause_at_the_end_of_a_paragraph_and_of_a_thought() -> None:
    job = job_of("thinking", pause="paragraph", budget=90)
    feed(job, "a", "\n\n", "b")
    assert (told(job), job.finished) == (("a\n\n", 2, [], Ended.OPEN), True)
    job = job_of("thinking", pause="paragraph")
    feed(job, "a", "</think>", "b")
    assert told(job) == ("a", 2, [], Ended.OPEN)
    job = job_of("thinking", pause="thought")
    feed(job, "a\n\n", "b", "</think>", "c")
    assert told(job) == ("a\n\nb", 3, [], Ended.OPEN)
    job = job_of(pause="thought")
    feed(job, "a", " b", None)
    assert told(job) == (None, 0, [("a b", 3)], Ended.STOP)  # it does not think: it goes on to its answer


def test_a_cut_in_a_thought_keeps_it() -> None:
    job = job_of("thinking")
    feed(job, "a", "</th")
    job.cut()
    assert told(job) == ("a</th", 2, [], Ended.CUT)


def test_what_a_job_may_take_next_is_told_before() -> None:
    job = job_of("thinking", budget=20)
    for _ in range(30):
        before, allowed = job.grown, job.next_tokens
        feed(job, "x")
        assert job.grown - before <= allowed
    assert job.grown > 20
