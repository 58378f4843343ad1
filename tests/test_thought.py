from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.thought import (
    HARMONY,
    KNOWN_TAGS,
    USUAL_TAGS,
    Phase,
    Tags,
    Thought,
    ThoughtReader,
    part_thought,
    whole,
    written_tags,
)

GEMMA = Tags("<|channel>thought\n", "<channel|>")
PLAIN = st.text("ab \n.€", max_size=12)


def read(tags: Tags, phase: Phase, *pieces: str) -> tuple[str, str]:
    """The thought and the text that a reader finds, with what it reclaims."""
    reader, thought, text = ThoughtReader(tags, phase), "", ""
    for number, piece in enumerate(pieces):
        told = reader.take(piece, final=number == len(pieces) - 1)
        if told.reclaims:
            thought, text = thought + text, ""
        thought, text = thought + told.thought, text + told.text
    return thought, text


def cut(text: str, sizes: list[int]) -> list[str]:
    """A text in pieces of these sizes, over and over."""
    pieces, at, number = [], 0, 0
    while at < len(text):
        size = sizes[number % len(sizes)]
        pieces.append(text[at : at + size])
        at, number = at + size, number + 1
    return pieces or [""]


@pytest.mark.parametrize("tags", KNOWN_TAGS, ids=lambda tags: tags.opening)
@given(thought=PLAIN, text=PLAIN, sizes=st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_a_thought_and_a_text_are_told_apart_however_they_are_cut(
    tags: Tags, thought: str, text: str, sizes: list[int]
) -> None:
    told = read(tags, "unsaid", *cut(f"{tags.opening}{thought}{tags.closing}{text}", sizes))
    before_mark = tags.closing.removesuffix(tags.end)
    assert told == (f"{thought}{before_mark}".lstrip(), text)
    assert read(tags, "thinking", *cut(f"{thought}{tags.closing}{text}", sizes))[1] == text


@given(st.text("ab <think/>|\n", max_size=30), st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_the_size_of_pieces_makes_no_difference(text: str, sizes: list[int]) -> None:
    assert read(USUAL_TAGS, "unsaid", *cut(text, sizes)) == read(USUAL_TAGS, "unsaid", text)


@given(PLAIN, st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_what_has_no_tags_is_text_to_the_last_letter(text: str, sizes: list[int]) -> None:
    assert read(USUAL_TAGS, "unsaid", *cut(text, sizes)) == ("", text)


@pytest.mark.parametrize(
    ("text", "phase", "parted"),
    [
        ("<think>a</think>b", "unsaid", ("a", "b")),
        ("\n<think>\na\n</think>\n\nb", "unsaid", ("a", "b")),
        ("a</think>b", "unsaid", ("a", "b")),  # nobody opened it
        ("a</think>b", "thinking", ("a", "b")),
        ("<think>a<think>b</think>c</think>d", "unsaid", ("a<think>bc", "d")),  # nested
        ("<think>a</think>b<think>c</think>d", "unsaid", ("ab<think>c", "d")),  # another one
        ("<think>a</think>b<think>c", "unsaid", ("a", "b<think>c")),  # another one that never ends
        ("<think>a", "unsaid", ("a", "")),
        ("a", "thinking", ("a", "")),
        ("<think></think>b", "unsaid", ("", "b")),
        ("b", "unsaid", (None, "b")),
        ("1 <think> 2", "speaking", (None, "1 <think> 2")),
        ("a < b", "unsaid", (None, "a < b")),
    ],
)
def test_nested_and_missing_tags(text: str, phase: Phase, parted: tuple[str | None, str]) -> None:
    found = part_thought(text, phase=phase)
    assert found == parted


def test_the_channels_of_harmony() -> None:
    told = (
        "<|channel|>analysis<|message|>Let me see.<|end|><|start|>assistant<|channel|>commentary<|message|>Then."
        "<|end|><|start|>assistant<|channel|>final<|message|>It is 4."
    )
    assert part_thought(told, HARMONY) == ("Let me see.\n\nThen.", "It is 4.")
    assert part_thought("<|channel|>final<|message|>It is 4.", HARMONY) == ("", "It is 4.")


def test_the_channel_of_gemma() -> None:
    assert part_thought("<|channel>thought\nHm.\n<channel|>It is 4.", GEMMA) == ("Hm.", "It is 4.")
    assert part_thought("<|channel>thought\n<channel|>It is 4.", GEMMA) == ("", "It is 4.")


def test_thoughts_that_follow_one_another_are_one() -> None:
    first, second = Thought("a", 2, -1.0, closed=False, certainty=(1.0,)), Thought("b", 3, -2.0, forced=2)
    both = whole((None, first, None, second))
    assert both == Thought("ab", 5, -3.0, closed=True, forced=2)
    assert both is not None
    assert both.certainty == (1.0,)
    assert whole((None, None)) is None
    assert first.joined(Thought("", 1, None)).logprob is None


def test_a_template_thinks_where_it_writes_both_tags_of_a_thought() -> None:
    assert written_tags("{{ '<|channel|>analysis<|message|>' }}...{{ '<|channel|>final<|message|>' }}") is HARMONY
    assert written_tags("<think>\n\n</think>") == USUAL_TAGS
    assert written_tags("<think>") is None
