from __future__ import annotations

import io
from collections.abc import Sequence

from bench.builder import make_rows
from rich.console import Console

from terminal.forest import FIRST_ROUND, SMALL_EVENTS, begun, node, stepped
from terminal.pictures import ballot, candidate, ended, growing
from ttcli.bench.execute.runner import Begun, Going
from ttcli.bench.store.task import Task
from ttcli.cost import Budget
from ttcli.events import Event, RunFinished, RunStarted, StepToken, VoteUpdated
from ttcli.terminal.bench import BenchState, panel
from ttcli.terminal.marks import ASCII, UNICODE, Marks

ROW = make_rows(3)[0]
SEARCH = Task("beam", "judge", Budget(4))
MAJORITY = Task("majority", "", Budget(4))


def in_work(*told: tuple[Task, Sequence[Event]], marks: Marks = UNICODE, columns: int = 60) -> str:
    """The line of the problem in work."""
    state = BenchState(3, SEARCH, clock=lambda: 0.0)
    state.take(Begun(ROW))
    for task, events in told:
        for event in events:
            if not isinstance(event, RunStarted | RunFinished):
                state.take(Going(ROW, task, event))
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
    Console(file=stream, width=columns, no_color=True).print(panel(state, columns, marks))
    stream.seek(0)
    return stream.read().splitlines()[-1].rstrip()


def test_candidates_in_the_making_and_votes_are_marks() -> None:
    events = [*growing(0, "x"), *growing(1, "y"), *ended(candidate(0, "6")), VoteUpdated(ballot(("6", [0])))]
    assert in_work((MAJORITY, events)) == "1, majority@4: 6 ● ◌"


def test_a_search_tells_its_round_what_grows_and_the_best_score() -> None:
    assert in_work((SEARCH, begun(1, 0, "So"))) == "1, beam[judge]@4: round 1, 1 growing"
    assert in_work((SEARCH, FIRST_ROUND)) == "1, beam[judge]@4: round 2, best 0.75"
    more = [*begun(5, 1, "Then"), *begun(6, 1)]
    assert in_work((SEARCH, [*FIRST_ROUND, *more])) == "1, beam[judge]@4: round 2, 2 growing, best 0.75"


def test_the_best_score_is_that_of_the_last_round_that_has_scores() -> None:
    worse = stepped(node(5, 1, "Then", 0.1))
    assert in_work((SEARCH, [*FIRST_ROUND, *worse])).endswith("round 2, best 0.10")


def test_a_search_that_has_solutions_tells_their_votes_before_it() -> None:
    assert in_work((SEARCH, SMALL_EVENTS), marks=ASCII) == "1, beam[judge]@4: 391 oo round 3, best 0.90"


def test_another_method_and_a_second_attempt_begin_anew() -> None:
    assert in_work((SEARCH, FIRST_ROUND), (MAJORITY, growing(0, "x"))) == "1, majority@4: ◌"
    again = in_work((SEARCH, [*FIRST_ROUND, *begun(5, 1)]), (SEARCH, begun(1, 0)))
    assert again.startswith("1, beam[judge]@4: round 1, 1 growing")


def test_words_of_a_search_count_for_the_speed() -> None:
    state = BenchState(3, SEARCH)
    for event in begun(1, 0, "one two three"):
        state.take(Going(ROW, SEARCH, event))
    assert state.tokens == 3


def test_tokens_of_those_expected_and_the_time_left_are_told_from_the_first_seconds_on() -> None:
    now = [0.0]
    state = BenchState(4, SEARCH, clock=lambda: now[0])
    state.expected = 1000.0
    assert (state.total, state.left) == (1000.0, None)
    row = make_rows(1)[0]
    state.take(Begun(row))
    now[0] = 2.0
    for _ in range(100):
        state.take(Going(row, SEARCH, StepToken(1, "word")))
    assert (state.speed, state.left) == (50.0, 18.0)
    shown = Console(file=io.StringIO(), width=80)
    shown.print(panel(state, 80, UNICODE))
    assert "100 of about 1,000 tokens, 50 tokens/s, 18 s left, 1 in work" in shown.file.getvalue()  # type: ignore[attr-defined]
