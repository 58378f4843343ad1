from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

from terminal.forest import FIRST_ROUND, SMALL, SMALL_EVENTS, begun, node, outcome_of, stepped
from terminal.pictures import BEGAN, DONE, EVIL, IN_WORK, ballot, candidate, ended, growing, solved
from ttcli.cost import Stopped
from ttcli.events import Event, RunFinished, StepsSelected
from ttcli.problem import Problem
from ttcli.solution import Ended
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
        "candidate 4: cut (score 0.00, 1,024 tokens, token limit)",
        "candidate 5: \\frac{782}{2} (score 0.50, 80 tokens)",
        "candidate 6: no answer (12 tokens, cut short)",
        "votes: 391 x 3; 401 x 1; cut x 1; no answer x 1",
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


def test_a_search_down_a_tree_is_a_line_for_each_round() -> None:
    assert told(SMALL_EVENTS) == [
        "beam, tiny, verifier prm:tiny, budget 4 generations, seed 0",
        "round 1: 4 steps, kept 2, best 0.75, 27 tokens",
        "round 2: 4 steps, kept 2, best 0.90, 41 tokens",
        "candidate 1: 391 (score 0.90, 19 tokens)",
        "candidate 2: 391 (score 0.70, 23 tokens)",
        "votes: 391 x 2",
        "2 of 2 candidates agree; 77 tokens, 34 tokens/s, 2.0 s",
    ]


def test_a_round_tells_what_looked_ahead_and_counts_a_step_that_is_kept_twice_once() -> None:
    steps = [*stepped(node(1, 0)), *stepped(node(2, 1, tokens=1, rollout=True)), *stepped(node(3, 0))]
    lines = told([*steps, StepsSelected(1, (1, 1, 3), ())])
    assert lines == ["round 1: 2 steps, 1 to look ahead, kept 2, 11 tokens"]


def test_a_round_that_was_broken_off_is_told_without_a_choice() -> None:
    cut = outcome_of([], SMALL[:4])
    lines = told([*FIRST_ROUND, *stepped(node(5, 1, ended=Ended.CUT)), *begun(6, 1), RunFinished(cut)])
    assert lines[1:] == [
        "round 1: 4 steps, kept 2, best 0.75, 27 tokens",
        "round 2: 1 step, 5 tokens",
        "votes: none",
        "no answer from 0 candidates; 36 tokens, 14 tokens/s, 2.0 s",
    ]
