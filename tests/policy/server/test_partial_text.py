from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.policy.server.chunk import Delta, Token
from ttcli.policy.server.partial_text import PartialText

WORDS = st.lists(st.sampled_from(["a", " b", "\n", "\n\n", " c.\n\n", "\n\n\n", "é", "x\n\ny"]), max_size=20)


def piece(*words: str, told: bool = True) -> Delta:
    return Delta(0, "".join(words), tuple(Token(word, -1.0) for word in words) if told else ())


def draft_of(*pieces: Delta, steps: int | None = None) -> PartialText:
    draft = PartialText("\n\n", steps)
    for each in pieces:
        draft.take(each)
    return draft


@given(WORDS, st.integers(1, 5), st.booleans())
def test_steps_join_to_what_came_and_every_token_is_in_one(words: list[str], size: int, told: bool) -> None:
    parts = [words[at : at + size] for at in range(0, len(words), size)]
    draft = PartialText("\n\n", None)
    shown = [text for part in parts for text in draft.take(piece(*part, told=told))]
    draft.end()
    steps = draft.steps()
    assert "".join(step.text for step in steps) == "".join(shown) == "".join(words)
    assert sum(step.tokens for step in steps) == draft.sampled == len(shown) == (len(words) if told else len(parts))
    assert all("\n\n" in step.text.lstrip() for step in steps[:-1])
    if told and words:
        assert [step.logprob for step in steps] == [-step.tokens for step in steps]
    elif words:
        assert {step.logprob for step in steps} == {None}


@given(WORDS, st.integers(0, 20), st.integers(1, 3))
def test_what_failed_is_not_shown_twice_and_is_counted(words: list[str], died: int, size: int) -> None:
    died = min(died, len(words))
    draft = PartialText("\n\n", None)
    shown = [text for word in words[:died] for text in draft.take(piece(word))]
    draft.rewind()
    shown += [text for word in words for text in draft.take(piece(word))]
    draft.end()
    assert shown == words
    assert draft.tokens == len(words)
    assert draft.sampled == died + len(words)


def test_a_text_that_is_shorter_the_second_time_still_counts_what_was_shown() -> None:
    draft = draft_of(piece("a", "b", "c"))
    draft.rewind()
    assert draft.take(piece("a")) == []
    draft.end()
    assert (draft.tokens, draft.sampled) == (1, 4)


def test_it_is_full_at_the_separator_and_takes_no_more() -> None:
    draft = draft_of(piece("a", "\n\n", "b"), steps=1)
    assert draft.full
    assert [step.text for step in draft.steps()] == ["a\n\n"]
    assert (draft.tokens, draft.sampled) == (2, 3)


def test_where_tokens_are_not_told_a_step_ends_right_after_the_separator() -> None:
    draft = draft_of(piece("a\n\nb\n\nc", told=False))
    draft.end()
    assert [step.text for step in draft.steps()] == ["a\n\n", "b\n\n", "c"]
    assert [step.text for step in draft_of(piece("a\n\nb", told=False), steps=1).steps()] == ["a\n\n"]


def test_a_step_of_several_tokens_with_half_characters_keeps_their_sum() -> None:
    draft = draft_of(Delta(0, "é", (Token("\\xc3", -1.0), Token("\\xa9", -2.0))))
    draft.end()
    assert [(step.text, step.tokens, step.logprob) for step in draft.steps()] == [("é", 2, -3.0)]


@pytest.mark.parametrize(("usage", "tokens"), [(6, (4, 2)), (3, (2, 1)), (7, (5, 2)), (0, (2, 1)), (-1000, (2, 1))])
def test_usage_is_dealt_out_over_the_steps(usage: int, tokens: tuple[int, ...]) -> None:
    draft = draft_of(*(piece(word, told=False) for word in ("a", "b\n\n", "c")))
    draft.charge(usage)
    draft.end()
    assert tuple(step.tokens for step in draft.steps()) == tokens


def test_an_empty_text_is_one_empty_step() -> None:
    draft = draft_of()
    draft.charge(1)
    draft.end()
    assert [(step.text, step.tokens) for step in draft.steps()] == [("", 1)]


def test_what_has_no_words_belongs_to_the_step_before() -> None:
    draft = draft_of(piece("a", "\n\n", " "))
    draft.end()
    assert [(step.text, step.tokens, step.logprob) for step in draft.steps()] == [("a\n\n ", 3, -3.0)]


def test_thoughts_are_counted_and_not_said() -> None:
    draft = draft_of(Delta(0, "", thought="hm"), piece("a", told=False))
    draft.end()
    assert [(step.text, step.tokens) for step in draft.steps()] == [("a", 1)]
    assert draft.thought is not None
    assert (draft.thought.text, draft.thought.tokens, draft.thought.closed, draft.tokens) == ("hm", 1, True, 2)


def test_a_thought_between_tags_in_the_text_is_a_thought() -> None:
    draft = draft_of(piece("<th", "ink>", "hm\n\nso", "</think>", "\n\n", "a\n\n", "b"))
    draft.end()
    assert [(step.text, step.tokens) for step in draft.steps()] == [("a\n\n", 2), ("b", 1)]
    assert draft.thought is not None
    assert (draft.thought.text, draft.thought.tokens, draft.thought.closed) == ("hm\n\nso", 4, True)


def test_steps_before_a_closing_tag_that_nobody_opened_were_a_thought() -> None:
    draft = draft_of(piece("hm\n\n", "so ", "</think>", "a"))
    draft.end()
    assert [step.text for step in draft.steps()] == ["a"]
    assert draft.thought is not None
    assert (draft.thought.text, draft.tokens) == ("hm\n\nso ", 4)


def test_a_request_that_failed_takes_its_thought_back() -> None:
    draft = draft_of(Delta(0, "", thought="hm"))
    draft.rewind()
    assert draft.thought is None
    assert draft.sampled == 1
    assert draft.take(Delta(0, "", thought="ha")) == []
    assert draft.thinking
