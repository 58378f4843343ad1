from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from train.fakes import LAYERS, RIGHT, SILENT, WRONG, Class, made_up, make_lesson, make_rows
from ttcli.bench.dataset import select
from ttcli.bench.figures import load_figures
from ttcli.bench.runner import Done
from ttcli.errors import UsageError
from ttcli.interrupt import Interrupt
from ttcli.train.collect import Collection, Stage, candidate_layers, split
from ttcli.train.given import Given, Solutions
from ttcli.tree import Ended


def collect(room: Class) -> list[object]:
    with room.collection() as (_, collection):
        told = [*collection.go()]
        assert collection.finished
        return told


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that is kept, but for ids and times."""
    connection = sqlite3.connect(path)
    try:
        sample = "SELECT problem.text, number, steps, answer, ended FROM sample JOIN problem ON problem.id = problem"
        state = (
            "SELECT problem.text, number, layer, states FROM state JOIN sample ON sample.id = state.sample "
            "JOIN problem ON problem.id = sample.problem"
        )
        rollout = (
            "SELECT problem.text, sample.number, step, rollout.number, rollout.answer FROM rollout "
            "JOIN sample ON sample.id = rollout.sample JOIN problem ON problem.id = sample.problem"
        )
        found = {"sample": sample, "state": state, "rollout": rollout}
        return {name: sorted(connection.execute(query).fetchall()) for name, query in found.items()}
    finally:
        connection.close()


def test_solutions_are_drawn_with_their_states_and_none_is_read_again(tmp_path: Path) -> None:
    room = Class(tmp_path / "s.db", make_lesson())
    told = collect(room)
    kept = contents(room.path)
    assert len(kept["sample"]) == 16
    assert len(kept["state"]) == 16 * len(LAYERS)
    assert sum(isinstance(each, Done) for each in told) == 4
    assert not room.reader.asked
    assert not room.policy.live


def test_solutions_that_are_there_without_states_are_read_once(tmp_path: Path) -> None:
    blind = Class(tmp_path / "s.db", make_lesson(), observing=False)
    told = collect(blind)
    answered = [each for each in contents(blind.path)["sample"] if each[3] is not None]
    assert len(blind.reader.asked) == len(answered) < 16
    assert told[-1] == Stage("solutions read", len(answered), len(answered))
    assert [each.steps for each in blind.reader.released] == [()] * 4
    again = Class(tmp_path / "s.db", make_lesson(), observing=False)
    collect(again)
    assert not again.reader.asked
    assert not again.policy.asked
    seeing = Class(tmp_path / "other.db", make_lesson())
    collect(seeing)
    drawn = {each[:3]: each[3] for each in contents(seeing.path)["state"]}
    assert {each[:3]: each[3] for each in contents(blind.path)["state"]}.items() <= drawn.items()


def test_states_are_those_of_the_steps_in_their_order(tmp_path: Path) -> None:
    room = Class(tmp_path / "s.db", make_lesson())
    with room.collection() as (store, collection):
        [*collection.go()]
        figures = load_figures(store, collection.run)[1]
        ids = [fact.id for fact in figures.facts]
        texts = store.samples(collection.run.config).steps(ids)
        found = store.states.read(ids, 4)
        for each in ids:
            expected = [made_up(figures.row.problem, step.text, 4) for step in texts[each]]
            assert found[each] == pytest.approx(np.stack(expected), rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("observing", [True, False])
@pytest.mark.parametrize("after", [0, 3, 9, 17, 30, 60, 90])
def test_what_is_broken_off_anywhere_goes_on_and_comes_to_the_same(tmp_path: Path, after: int, observing: bool) -> None:
    lesson = make_lesson(rollouts=2)
    interrupt = Interrupt()
    first = Class(tmp_path / "s.db", lesson, interrupt, observing=observing)
    with first.collection() as (_, collection):
        for count, _ in enumerate(collection.go()):
            if count == after:
                interrupt.request()
        assert collection.finished == (not interrupt.requested)
    before = contents(first.path)
    second = Class(tmp_path / "s.db", lesson, observing=observing)
    collect(second)
    whole = Class(tmp_path / "whole.db", lesson, observing=observing)
    collect(whole)
    kept = contents(second.path)
    assert kept == contents(whole.path)
    for table, rows in before.items():
        assert not Counter(rows) - Counter(kept[table])
    drawn = len(kept["sample"]) - len(before["sample"]) + len(kept["rollout"]) - len(before["rollout"])
    assert len(second.policy.asked) == drawn


# -- rollouts


def test_rollouts_begin_inside_solutions_to_train_on_and_end_as_the_policy_says(tmp_path: Path) -> None:
    room = Class(tmp_path / "s.db", make_lesson(rollouts=3))
    told = collect(room)
    kept = contents(room.path)
    held_out = make_rows(1)[0].problem.text
    answered = {each[:2] for each in kept["sample"] if each[3] is not None and each[0] != held_out}
    assert Counter(each[:2] for each in kept["rollout"]) == dict.fromkeys(answered, 3)
    assert told[-1] == Stage("rollouts drawn", 3 * len(answered), 3 * len(answered))
    assert not room.policy.live
    for prefix in room.policy.resumed:
        assert any(line.text.startswith(prefix.text) and line.text != prefix.text for line in (RIGHT, WRONG))
    assert {each[4] for each in kept["rollout"]} == {"4", "5"}


def test_more_rollouts_draw_only_what_is_missing(tmp_path: Path) -> None:
    collect(Class(tmp_path / "s.db", make_lesson(rollouts=1)))
    before = contents(tmp_path / "s.db")["rollout"]
    more = Class(tmp_path / "s.db", make_lesson(rollouts=3))
    collect(more)
    after = contents(more.path)["rollout"]
    assert len(after) == 3 * len(before)
    assert not Counter(before) - Counter(after)
    assert len(more.policy.asked) == 2 * len(before)


# -- solutions of a file


def given(*texts: str) -> Solutions:
    each = tuple(Given(line, text, Ended.STOP) for line, text in enumerate(texts, 1))
    return Solutions("rollouts.jsonl", hashlib.sha256("".join(texts).encode()).hexdigest(), (*each, each[0]))


def test_solutions_of_a_file_are_kept_read_and_nothing_is_drawn(tmp_path: Path) -> None:
    solutions = given(RIGHT.text, WRONG.text, SILENT.text, RIGHT.text)
    room = Class(tmp_path / "s.db", make_lesson(solutions=solutions))
    collect(room)
    assert not room.policy.asked
    kept = contents(room.path)
    rows = make_rows(4)
    assert Counter((each[0], each[3]) for each in kept["sample"]) == {
        (rows[0].problem.text, "4"): 2,
        (rows[1].problem.text, "5"): 1,
        (rows[2].problem.text, None): 1,
        (rows[3].problem.text, "4"): 1,
    }
    assert [step.text for step in room.reader.asked[0].steps] == [
        "One and one.\n\n",
        "That makes two.\n\n",
        "So \\boxed{4}.",
    ]
    assert room.reader.asked[0].ended is Ended.STOP
    collect(room)
    assert contents(room.path) == kept


def test_solutions_of_a_file_are_none_of_those_that_were_drawn(tmp_path: Path) -> None:
    drawn, other = make_lesson(), make_lesson(solutions=given(WRONG.text))
    collect(Class(tmp_path / "s.db", drawn))
    collect(Class(tmp_path / "s.db", other))
    with Class(tmp_path / "s.db", other).collection() as (store, collection):
        assert len(store.runs()) == 2
        figures = load_figures(store, collection.run)
        assert [[fact.answer for fact in each.facts] for each in figures] == [["5", "5"], [], [], []]


# -- what is held out, and what is looked at


@pytest.mark.parametrize(("problems", "part", "expected"), [(10, 0.3, 3), (10, 0.04, 0), (20, 0.5, 10), (7, 0.3, 2)])
def test_about_the_part_asked_for_is_held_out(problems: int, part: float, expected: int) -> None:
    rows = make_rows(problems)
    if expected:
        assert len(split(rows, part, seed=0)) == expected
        assert split(rows, part, seed=0) == split(rows, part, seed=0)
    else:
        with pytest.raises(UsageError, match="of 10 problems 0 would be held out"):
            split(rows, part, seed=0)


def test_the_seed_decides_what_is_held_out() -> None:
    assert len({split(make_rows(30), 0.3, seed=seed) for seed in range(8)}) > 4


def test_problems_held_out_of_a_sample_are_held_out_of_a_larger_one() -> None:
    rows = make_rows(60)
    names = []
    for size in (20, 40, 60):
        chosen = select(rows, sample=size, seed=3)
        names.append({chosen[at].problem.text for at in split(chosen, 0.3, seed=3)})
    assert names[0] < names[1] < names[2]


@pytest.mark.parametrize("part", [0.0, 1.0, -0.1, 3.0, float("nan")])
def test_a_part_that_is_none_is_refused(part: float) -> None:
    with pytest.raises(UsageError, match="--held-out must be between 0 and 1"):
        split(make_rows(10), part, seed=0)


@pytest.mark.parametrize(("problems", "part"), [(10, 0.6), (6, 0.3), (1, 0.3), (4, 0.5)])
def test_too_few_problems_to_train_on_are_refused_before_anything_is_drawn(problems: int, part: float) -> None:
    with pytest.raises(UsageError, match="left to train on") as caught:
        split(make_rows(problems), part, seed=0)
    assert caught.value.hint


@pytest.mark.parametrize("layers", range(2, 100))
def test_layers_to_try_are_inside_the_model_and_not_its_last(layers: int) -> None:
    found = candidate_layers(layers)
    assert found == tuple(sorted(set(found)))
    assert 0 <= found[0] <= found[-1] <= layers - 2
    assert len(found) == 6 or layers < 12


def test_the_default_model_is_looked_at_where_it_was_measured_to_tell_most() -> None:
    assert candidate_layers(24) == (7, 10, 12, 14, 17, 20)


def test_a_collection_names_its_layers(tmp_path: Path) -> None:
    with Class(tmp_path / "s.db", make_lesson()).collection() as (_, collection):
        assert isinstance(collection, Collection)
        assert collection.layers == LAYERS
