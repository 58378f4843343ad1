from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

from terminal.pictures import BEGAN, DONE, EVIL, IN_WORK, ballot, candidate, ended, growing, solved
from ttcli.cost import Stopped
from ttcli.events import Event
from ttcli.problem import Problem
from ttcli.terminal.display import display
from ttcli.terminal.lines import LineDisplay, NoDisplay

MAJORITY = replace(BEGAN, method="majority", verifier=None)


def told(events: Sequence[Event]) -> list[str]:
    stream = io.StringIO()
    with LineDisplay(stream) as lines:
        for event in events:
            lines.show(event)
    return stream.getvalue().splitlines()


def test_a_run_is_a_line_for_each_candidate_its_vote_and_its_cost() -> None:
    assert told(DONE) == [
        "best-of-n, tiny, verifier judge:tiny, budget 16 generations, seed 0",
        "candidate 1: 391 (score 0.91, 80 tokens)",
        "candidate 2: 401 (score 0.25, 1 token)",
        "candidate 3: 391 (score 1.00, 80 tokens)",
        "candidate 4: no answer (score 0.00, 1,024 tokens, token limit)",
        "candidate 5: \\frac{782}{2} (score 0.50, 80 tokens)",
        "candidate 6: no answer (12 tokens, cut short)",
        "votes: 391 x 3; 401 x 1; no answer x 2",
        "3 of 6 candidates agree; 1,620 tokens, 64 tokens/s, 20.0 s",
    ]


def test_lines_come_while_the_run_goes_on() -> None:
    assert told(IN_WORK)[1:] == ["candidate 1: 391 (score 0.75, 80 tokens)"]
    one = candidate(0, "391")
    assert told([MAJORITY, *growing(0, "x"), *ended(one)])[1:] == ["candidate 1: 391 (80 tokens)"]


def test_a_candidate_that_was_not_scored_is_told_all_the_same() -> None:
    assert told([BEGAN, *ended(candidate(0, "391"))])[1:] == ["candidate 1: 391 (80 tokens)"]


def test_a_run_of_one_is_told_in_the_singular() -> None:
    one = candidate(0, "391")
    assert told([MAJORITY, *ended(one), solved([one], ballot(("391", [0])))])[-1].startswith("1 of 1 candidate; ")


def test_a_run_without_candidates_or_answers_says_so() -> None:
    assert told([MAJORITY, solved([], ballot())])[1:] == [
        "votes: none",
        "no answer from 0 candidates; 1,620 tokens, 64 tokens/s, 20.0 s",
    ]
    one = candidate(0, None)
    last = told([MAJORITY, *ended(one), solved([one], ballot(abstained=1), stopped=Stopped.INTERRUPT)])
    assert last[2:] == [
        "votes: no answer x 1",
        "no answer from 1 candidate; 1,620 tokens, 64 tokens/s, 20.0 s",
    ]


def test_text_of_a_model_stays_on_its_line() -> None:
    one = candidate(0, EVIL)
    lines = told(
        [replace(MAJORITY, problem=Problem(EVIL), model=EVIL), *ended(one), solved([one], ballot((EVIL, [0])))]
    )
    assert len(lines) == 4
    assert all(character.isprintable() for line in lines for character in line)


def test_no_display_shows_nothing() -> None:
    with NoDisplay() as nothing:
        for event in DONE:
            nothing.show(event)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_auto_is_a_tree_on_a_terminal_and_lines_elsewhere() -> None:
    pairs = [
        (display("auto", Terminal()), "LiveDisplay"),
        (display("auto", io.StringIO()), "LineDisplay"),
        (display("tree", io.StringIO()), "LiveDisplay"),
        (display("lines", Terminal()), "LineDisplay"),
        (display("none", Terminal()), "NoDisplay"),
    ]
    assert [type(shown).__name__ for shown, _ in pairs] == [expected for _, expected in pairs]
