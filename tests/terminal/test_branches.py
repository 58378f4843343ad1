from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from terminal.forest import (
    FIRST_ROUND,
    SMALL_EVENTS,
    TREE_BEGAN,
    begun,
    drawn,
    leaf,
    node,
    outcome_of,
    search,
    stepped,
)
from terminal.pictures import EVIL, picture
from ttcli.events import Event, RunFinished, StepsSelected
from ttcli.record.tree import SearchTree
from ttcli.solution import Ended, Node
from ttcli.terminal.branches import Lines, fitted, whole
from ttcli.terminal.marks import ASCII, UNICODE, Marks
from ttcli.terminal.state import RunState


def grown(events: Sequence[Event]) -> SearchTree:
    state = RunState()
    for event in events:
        state.take(event)
    return state.tree


def texts(
    tree: SearchTree, columns: int = 60, marks: Marks = UNICODE, *, room: int | None = None, kept: bool = False
) -> list[str]:
    """The lines of the picture: fitted to a room, or whole."""
    lines = fitted(tree, room, columns, marks) if room else whole(tree, columns, marks, pruned=not kept)
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


# -- live


def test_a_search_between_two_rounds() -> None:
    assert picture(FIRST_ROUND) == [
        "beam, tiny, verifier prm:tiny, budget 4 generations, seed 0",
        "What is 17 * 23?",
        "├─ • 1 First 17 * 20 = 340.          ██████░░ 0.75  9 tokens",
        "├─ • 3 17 * 23 is 17 * 25 - 34.      █████░░░ 0.60 12 tokens",
        "└─ … 2 pruned, best 0.41",
        "4 of 4 generations, 36 tokens, 54 tokens/s, 0.5 s",
    ]


def test_steps_grow_under_their_parents_and_show_the_end_of_their_text() -> None:
    more = [
        *begun(5, 1, "Then we take 17 times 3, which makes 51, and add it to 340"),
        *begun(6, 1),
        *begun(7, 3, "So"),
    ]
    assert picture([*FIRST_ROUND, *more]) == [
        "beam, tiny, verifier prm:tiny, budget 4 generations, seed 0",
        "What is 17 * 23?",
        "├─ • 1 First 17 * 20 = 340.          ██████░░ 0.75  9 tokens",
        "│  ├─ ◌ 5 …kes 51, and add it to 340               14 tokens",
        "│  └─ ◌ 6                                           0 tokens",
        "├─ • 3 17 * 23 is 17 * 25 - 34.      █████░░░ 0.60 12 tokens",
        "│  ◌ 7 So                                            1 token",
        "└─ … 2 pruned, best 0.41",
        "4 of 4 generations, 36 tokens, 54 tokens/s, 0.5 s",
    ]


def test_the_way_to_the_answer_is_the_trunk_of_a_finished_search() -> None:
    assert picture(SMALL_EVENTS) == [
        "beam, tiny, verifier prm:tiny, budget 4 generations, seed 0",
        "What is 17 * 23?",
        "├─ • 3 17 * 23 is 17 * 25 - 34.      █████░░░ 0.60 12 tokens",
        "│  ├─ ★ 7 391  …5 - 34 = \\boxed{391} ██████░░ 0.70 11 tokens",
        "│  └─ … 1 pruned, best 0.30",
        "├─ … 2 pruned, best 0.41",
        "★ 1 First 17 * 20 = 340.             ██████░░ 0.75  9 tokens",
        "├─ ★ 5 391  …en 51 more: \\boxed{391} ███████░ 0.90 10 tokens",
        "└─ … 1 pruned, best 0.10",
        "391 ████████████████████ 2",
        "4 of 4 generations, 77 tokens, 34 tokens/s, 2.0 s",
    ]


def test_ascii_marks_and_guides_make_an_ascii_tree() -> None:
    events = [*FIRST_ROUND, *begun(5, 1, "très"), *begun(6, 1, rollout=True)]
    lines = picture(events, marks=ASCII, columns=50)
    assert lines[2:8] == [
        "What is 17 * 23?",
        "|- + 1 First 17 * 20 = 340.         0.75  9 tokens",
        "|  |- . 5 tr?s                             1 token",
        "|  `- . 6                                 0 tokens",
        "|- + 3 17 * 23 is 17 * 25 - 34.     0.60 12 tokens",
        "`- ... 2 pruned, best 0.41",
    ]
    assert all(line.isascii() for line in picture(SMALL_EVENTS, marks=ASCII))


def chain(length: int, *, pruned: int = 2) -> Iterator[Event]:
    """Steps that stand one below the other, each with so many siblings that were given up."""
    yield TREE_BEGAN
    last = 0
    for depth in range(length):
        numbers = range(depth * (pruned + 1) + 1, (depth + 1) * (pruned + 1) + 1)
        for number in numbers:
            yield from stepped(node(number, last, f"Step {number}.", round(number % 7 / 10, 1)))
        last = numbers[0]
        yield StepsSelected(depth + 1, (last,), tuple(numbers[1:]))


def test_a_chain_is_not_indented() -> None:
    assert texts(grown([*chain(3)]), room=20) == [
        "├─ … 2 pruned, best 0.30",
        "• 1 Step 1.                           █░░░░░░░ 0.10 5 tokens",
        "├─ … 2 pruned, best 0.60",
        "• 4 Step 4.                           ███░░░░░ 0.40 5 tokens",
        "├─ • 7 Step 7.                        ░░░░░░░░ 0.00 5 tokens",
        "└─ … 2 pruned, best 0.20",
    ]


def test_the_first_rounds_collapse_first() -> None:
    tree = grown([*chain(9), *begun(28, 25, "and"), *begun(29, 25, "or")])
    assert texts(tree, room=7) == [
        "… rounds 1 to 7: 21 steps, 14 pruned",
        "• 22 Step 22.                         █░░░░░░░ 0.10 5 tokens",
        "├─ … 2 pruned, best 0.60",
        "• 25 Step 25.                         ███░░░░░ 0.40 5 tokens",
        "├─ ◌ 28 and                                          1 token",
        "└─ ◌ 29 or                                           1 token",
    ]
    assert texts(tree, room=4) == [
        "… rounds 1 to 8: 24 steps, 16 pruned",
        "• 25 Step 25.                         ███░░░░░ 0.40 5 tokens",
        "◌ 28 and                                             1 token",
        "… and 1 more",
    ]


def test_where_not_all_that_grow_fit_each_parent_shows_some_of_its_own() -> None:
    more = (event for number in range(5, 21) for event in begun(number, 1 if number < 13 else 3))
    assert texts(grown([*FIRST_ROUND, *more]), room=9) == [
        "├─ •  1 First 17 * 20 = 340.         ██████░░ 0.75  9 tokens",
        "│  ├─ ◌  5                                          0 tokens",
        "│  ├─ ◌  6                                          0 tokens",
        "│  └─ ◌  7                                          0 tokens",
        "├─ •  3 17 * 23 is 17 * 25 - 34.     █████░░░ 0.60 12 tokens",
        "│  ├─ ◌ 13                                          0 tokens",
        "│  └─ ◌ 14                                          0 tokens",
        "└─ … 2 pruned, best 0.41",
        "… and 11 more",
    ]


def test_the_end_of_a_low_window_shows_the_whole_way_to_the_answer() -> None:
    lines = texts(grown([*search(16, 5)]), room=10)
    assert len(lines) == 10
    assert sum(line.startswith("★") for line in lines) == 5


def test_a_solution_without_an_answer_and_one_that_was_cut_say_so() -> None:
    tree = [
        node(1, 0, "No idea.", 0.1, ended=Ended.STOP),
        node(2, 0, "On and on", 0.2, ended=Ended.LENGTH),
        node(3, 0, "It is", ended=Ended.CUT),
    ]
    candidates = [leaf(0, None, tree, 1), leaf(1, None, tree, 2)]
    told = [event for each in tree for event in stepped(each)]
    events = [TREE_BEGAN, *told, *drawn(candidates), RunFinished(outcome_of(candidates, tree))]
    assert texts(grown(events), room=9) == [
        "├─ ○ 1 no answer  No idea.            █░░░░░░░ 0.10 5 tokens",
        "├─ ○ 2 cut, token limit  On and on    ██░░░░░░ 0.20 5 tokens",
        "└─ • 3 cut short  It is                             5 tokens",
    ]


# -- whole


def test_the_whole_tree_shows_what_was_pruned_and_is_as_wide_as_its_texts() -> None:
    assert texts(grown(SMALL_EVENTS), columns=200) == [
        "├─ × 2 I guess so.                    ██░░░░░░ 0.20  4 tokens",
        "├─ • 3 17 * 23 is 17 * 25 - 34.       █████░░░ 0.60 12 tokens",
        "│  ├─ ★ 7 391  425 - 34 = \\boxed{391} ██████░░ 0.70 11 tokens",
        "│  └─ × 8 425 - 34 = \\boxed{401}      ██░░░░░░ 0.30 11 tokens",
        "├─ × 4 Hm.                            ███░░░░░ 0.41  2 tokens",
        "★ 1 First 17 * 20 = 340.              ██████░░ 0.75  9 tokens",
        "├─ ★ 5 391  Then 51 more: \\boxed{391} ███████░ 0.90 10 tokens",
        "└─ × 6 So 17 and 3 make 20.           █░░░░░░░ 0.10  9 tokens",
    ]


def test_the_whole_tree_without_the_pruned_steps_counts_them() -> None:
    assert texts(grown(SMALL_EVENTS), kept=True) == [
        "├─ • 3 17 * 23 is 17 * 25 - 34.      █████░░░ 0.60 12 tokens",
        "│  ├─ ★ 7 391  …5 - 34 = \\boxed{391} ██████░░ 0.70 11 tokens",
        "│  └─ … 1 pruned, best 0.30",
        "├─ … 2 pruned, best 0.41",
        "★ 1 First 17 * 20 = 340.             ██████░░ 0.75  9 tokens",
        "├─ ★ 5 391  …en 51 more: \\boxed{391} ███████░ 0.90 10 tokens",
        "└─ … 1 pruned, best 0.10",
    ]


# -- what holds of any tree


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.just(EVIL)


@st.composite
def trees(draw: st.DrawFn) -> list[Event]:
    """Searches that are at any point, or at their end."""
    events: list[Event] = [TREE_BEGAN]
    front, tree = [0], dict[int, Node]()
    for round_ in range(1, draw(st.integers(1, 6)) + 1):
        numbers = range(len(tree) + 1, len(tree) + draw(st.integers(1, 12)) + 1)
        new = [
            node(number, draw(st.sampled_from(front)), draw(TEXTS), draw(st.none() | st.floats(0, 1)), tokens=number)
            for number in numbers
        ]
        if draw(st.integers(0, 4)) == 0:
            return [*events, *(event for each in new for event in begun(each.number, each.parent, each.text))]
        kept = draw(st.lists(st.sampled_from(numbers), min_size=1, unique=True))
        gone = [number for number in numbers if number not in kept]
        tree |= {each.number: replace(each, pruned=each.number in gone) for each in new}
        events += [*(event for each in new for event in stepped(each)), StepsSelected(round_, tuple(kept), tuple(gone))]
        front = kept
    candidates = [
        leaf(at, draw(st.sampled_from([None, "4", EVIL])), [*tree.values()], number) for at, number in enumerate(front)
    ]
    return [*events, *drawn(candidates), RunFinished(outcome_of(candidates, [*tree.values()]))]


@settings(deadline=None, max_examples=150)
@given(trees(), st.integers(3, 30), st.sampled_from([24, 40, 60, 100]), st.booleans())
def test_a_picture_stays_within_its_lines_and_columns(
    events: list[Event], room: int, columns: int, plain: bool
) -> None:
    tree, marks = grown(events), ASCII if plain else UNICODE
    low, high = texts(tree, columns, marks, room=room), texts(tree, columns, marks)
    assert len(low) <= room
    assert len(high) == len(tree.branches) - 1
    for line in (*low, *high):
        assert cell_len(line) <= columns
        assert line.isprintable()
        assert line.isascii() or not plain


def test_a_tree_of_five_thousand_steps_takes_the_lines_there_are_and_no_longer_than_a_small_one() -> None:
    seconds = []
    for rounds in (8, 80):
        events = [*search(64, rounds, length=1)][:-2]  # as it is before the vote
        tree = grown([*events, *(event for number in range(10_000, 10_064) for event in begun(number, 1, "and so on"))])
        began = time.perf_counter()
        for _ in range(20):
            assert len(texts(tree, 100, room=30)) <= 30
        seconds.append(time.perf_counter() - began)
    assert len(tree.branches) > 5000
    assert seconds[1] < 4 * seconds[0] + 0.1


def test_a_picture_costs_no_more_the_longer_the_paths_are() -> None:
    tree = grown([*chain(2000, pruned=1)])
    assert len(texts(tree, room=20)) <= 20
    assert len(texts(tree)) == 4000


def test_numbers_stand_in_order_among_siblings() -> None:
    tree = grown([TREE_BEGAN, *(event for number in (1, 2, 3) for event in begun(number, 0))])
    numbers = [int(line.split()[2]) for line in texts(tree, room=9)]
    assert all(before < after for before, after in pairwise(numbers))


@pytest.mark.parametrize("columns", [20, 30, 59])
def test_a_narrow_terminal_has_scores_without_bars(columns: int) -> None:
    lines = texts(grown(FIRST_ROUND), columns, room=9)
    assert "0.75" in lines[0]
    assert "█" not in lines[0]


def test_lines_are_drawn_as_they_are() -> None:
    from rich.console import Console
    from rich.segment import Segment

    console = Console(width=5, no_color=True)
    with console.capture() as captured:
        console.print(Lines([[Segment("[b]"), Segment("x")], []]), end="")
    assert captured.get() == "[b]x\n\n"
