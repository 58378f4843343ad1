"""Solutions of a file beside those that are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from train.fakes import LAYERS, RIGHT, SILENT, WRONG, Class, given, make_rows, make_spec
from train.test_collect import collect, contents
from ttcli.data.dataset import Row
from ttcli.data.solutions import Given, GivenSolutions
from ttcli.interrupt import Interrupt
from ttcli.problem import Problem
from ttcli.solution import Ended
from ttcli.train.drawing import Stage
from ttcli.train.parts import figures_of
from ttcli.train.spec import TrainSpec

ROWS = make_rows(4)
ALL = given({0: [RIGHT, RIGHT], 1: [WRONG], 2: [SILENT], 3: [RIGHT]})
SOME = given({3: [WRONG, RIGHT, SILENT, WRONG, WRONG], 1: [WRONG], 9: [RIGHT]})  # of problems 1 and 3 of four


def sources(path: Path, spec: TrainSpec) -> list[str]:
    """The source of every part's samples."""
    with Class(path, spec).collection() as (_, collection):
        return [part.run.config.source_key for part in collection.parts]


def answers(path: Path, spec: TrainSpec) -> list[list[str | None]]:
    """Those that a spec finds in a store, problem by problem."""
    with Class(path, spec).collection() as (store, collection):
        figures = figures_of(store, collection.parts)
        assert [each.position for each in figures] == [*range(len(spec.rows))]
        assert [each.row for each in figures] == [*spec.rows]
        return [[fact.answer for fact in each.facts] for each in figures]


def test_where_a_file_has_solutions_of_all_problems_they_are_kept_and_read_and_nothing_is_drawn(tmp_path: Path) -> None:
    room = Class(tmp_path / "s.db", make_spec(solutions=ALL))
    collect(room)
    assert not room.policy.asked
    kept = contents(room.path)
    assert Counter((each[0], each[3]) for each in kept["sample"]) == {
        (ROWS[0].problem.text, "4"): 2,
        (ROWS[1].problem.text, "5"): 1,
        (ROWS[2].problem.text, None): 1,
        (ROWS[3].problem.text, "4"): 1,
    }
    assert [step.text for step in room.reader.asked[0].steps] == [
        "One and one.\n\n",
        "That makes two.\n\n",
        "So \\boxed{4}.",
    ]
    assert room.reader.asked[0].ended is Ended.STOP
    assert [step.logprob for step in room.reader.asked[0].steps] == [None] * 3
    collect(room)
    assert contents(room.path) == kept


def test_other_problems_are_drawn_as_if_there_were_no_file(tmp_path: Path) -> None:
    spec = make_spec(solutions=SOME)
    room = Class(tmp_path / "s.db", spec)
    collect(room)
    assert Counter(each.prefix.problem.text for each in room.policy.asked) == {
        ROWS[0].problem.text: 4,
        ROWS[2].problem.text: 4,
    }
    collect(Class(tmp_path / "plain.db", make_spec()))
    found, plain = answers(room.path, spec), answers(tmp_path / "plain.db", make_spec())
    assert found == [plain[0], ["5"], plain[2], ["5", "4", None, "5", "5"]]


def test_every_answered_solution_has_its_states_wherever_it_is_from(tmp_path: Path) -> None:
    room = Class(tmp_path / "s.db", make_spec(solutions=SOME))
    told = collect(room)
    assert told[-1] == Stage("solutions read", 5, 5)  # of the file; the others were drawn with them
    kept = contents(room.path)
    with_states = {each[:2] for each in kept["state"]}
    assert {each[:2] for each in kept["sample"] if each[3] is not None} <= with_states
    assert {each[2] for each in kept["state"]} == set(LAYERS)


def test_what_was_drawn_without_a_file_is_found_again_even_as_other_lines_of_another_data_set(tmp_path: Path) -> None:
    # the same texts, but two problems alone, with the numbers of their own file
    two = tuple(Row(Problem(ROWS[at].problem.text, str(n), "4"), n, None, None) for n, at in enumerate((0, 2), 1))
    collect(Class(tmp_path / "s.db", replace(make_spec(), rows=two)))
    before = contents(tmp_path / "s.db")
    room = Class(tmp_path / "s.db", make_spec(solutions=SOME))
    collect(room)
    assert not room.policy.asked
    after = contents(room.path)
    for table, rows in before.items():
        assert not Counter(rows) - Counter(after[table])


def test_the_log_probability_that_a_file_tells_of_a_solution_is_spread_over_its_tokens(tmp_path: Path) -> None:
    told = replace(ALL, given=tuple(replace(each, logprob=-6.0) for each in ALL.given))
    room = Class(tmp_path / "s.db", make_spec(solutions=told))
    collect(room)
    for solution in room.reader.asked:
        assert solution.logprob == pytest.approx(-6.0)
        assert len({round((step.logprob or 0.0) / step.tokens, 6) for step in solution.steps}) == 1


def test_what_is_drawn_shares_the_pool_of_a_bench_and_what_is_given_does_not(tmp_path: Path) -> None:
    [plain] = sources(tmp_path / "s.db", make_spec())
    own, drawn = sources(tmp_path / "s.db", make_spec(solutions=SOME))
    assert drawn == plain != own
    [whole] = sources(tmp_path / "s.db", make_spec(solutions=ALL))
    assert len({plain, own, whole}) == 3


def test_a_lesson_without_a_file_is_the_run_that_it_always_was(tmp_path: Path) -> None:
    with Class(tmp_path / "s.db", make_spec()).collection() as (store, collection):
        [part] = collection.parts
        assert (part.positions, part.drawn) == ((0, 1, 2, 3), True)
        assert (part.run.id, part.run.config.source_key) == ("a5aa936e", "9737e762120696d73c7ffb21af4a4a32")
        assert store.rows(part.run) == [*ROWS]


@pytest.mark.parametrize("after", [0, 1, 5, 12, 20, 30, 40, 55])
def test_what_is_broken_off_anywhere_goes_on_and_comes_to_the_same(tmp_path: Path, after: int) -> None:
    spec = make_spec(rollouts=2, solutions=SOME)
    interrupt = Interrupt()
    first = Class(tmp_path / "s.db", spec, interrupt)
    with first.collection() as (_, collection):
        for count, _ in enumerate(collection.go()):
            if count == after:
                interrupt.request()
        assert collection.finished == (not interrupt.requested)
    before = contents(first.path)
    second = Class(tmp_path / "s.db", spec)
    collect(second)
    collect(Class(tmp_path / "whole.db", spec))
    kept = contents(second.path)
    assert kept == contents(tmp_path / "whole.db")
    given_ones = 6
    begun = len(before["sample"]) - given_ones + len(before["rollout"])
    assert len(second.policy.asked) == len(kept["sample"]) - given_ones + len(kept["rollout"]) - begun


def test_rollouts_go_on_from_given_solutions_and_from_drawn_ones(tmp_path: Path) -> None:
    room = Class(tmp_path / "s.db", make_spec(rollouts=2, solutions=SOME, held_out=(2,)))
    collect(room)
    kept = contents(room.path)
    answered = {each[:2] for each in kept["sample"] if each[3] is not None and each[0] != ROWS[2].problem.text}
    drawn = Counter(each[:2] for each in kept["rollout"])
    assert set(drawn) == answered
    assert set(drawn.values()) <= {2, 4, 6}  # two from a step, and three steps at most of a problem that is mixed
    assert max(drawn.values()) > 2


def test_a_file_is_gone_through_as_often_for_many_problems_as_for_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    through = 0
    plain = GivenSolutions.of

    def counted(self: GivenSolutions, rows: Sequence[Row]) -> list[tuple[int, int, Given]]:
        nonlocal through
        through += 1
        return plain(self, rows)

    monkeypatch.setattr(GivenSolutions, "of", counted)
    found = []
    for problems in (3, 30):
        through = 0
        sources(tmp_path / f"{problems}.db", make_spec(problems, solutions=given({1: [RIGHT]})))
        found.append(through)
    assert found[0] == found[1] > 0
