from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from train.fakes import LAYERS, RIGHT, WRONG, Class, made_up, make_rows, make_spec
from ttcli.bench.execute.runner import Done
from ttcli.interrupt import Interrupt
from ttcli.train.collect import Collection, candidate_layers
from ttcli.train.drawing import Stage
from ttcli.train.parts import figures_of


def collect(room: Class) -> list[object]:
    with room.collection() as (_, collection):
        told: list[object] = [*collection.go()]
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
    room = Class(tmp_path / "s.db", make_spec())
    told = collect(room)
    kept = contents(room.path)
    assert len(kept["sample"]) == 16
    assert len(kept["state"]) == 16 * len(LAYERS)
    assert sum(isinstance(each, Done) for each in told) == 4
    assert not room.reader.asked
    assert not room.policy.live


def test_solutions_that_are_there_without_states_are_read_once(tmp_path: Path) -> None:
    blind = Class(tmp_path / "s.db", make_spec(), observing=False)
    told = collect(blind)
    answered = [each for each in contents(blind.path)["sample"] if each[3] is not None]
    assert len(blind.reader.asked) == len(answered) < 16
    assert told[-1] == Stage("solutions read", len(answered), len(answered))
    assert [each.steps for each in blind.reader.released] == [()] * 4
    again = Class(tmp_path / "s.db", make_spec(), observing=False)
    collect(again)
    assert not again.reader.asked
    assert not again.policy.asked
    seeing = Class(tmp_path / "other.db", make_spec())
    collect(seeing)
    drawn = {each[:3]: each[3] for each in contents(seeing.path)["state"]}
    assert {each[:3]: each[3] for each in contents(blind.path)["state"]}.items() <= drawn.items()


def test_states_are_those_of_the_steps_in_their_order(tmp_path: Path) -> None:
    room = Class(tmp_path / "s.db", make_spec())
    with room.collection() as (store, collection):
        [*collection.go()]
        figures = figures_of(store, collection.parts)[1]
        ids = [fact.id for fact in figures.facts]
        texts = store.samples(figures.config).steps(ids)
        found = store.states.read(ids, 4)
        for each in ids:
            expected = [made_up(figures.row.problem, step.text, 4) for step in texts[each]]
            assert found[each] == pytest.approx(np.stack(expected), rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("observing", [True, False])
@pytest.mark.parametrize("after", [0, 3, 9, 17, 30, 60, 90])
def test_what_is_broken_off_anywhere_goes_on_and_comes_to_the_same(tmp_path: Path, after: int, observing: bool) -> None:
    spec = make_spec(rollouts=2)
    interrupt = Interrupt()
    first = Class(tmp_path / "s.db", spec, interrupt, observing=observing)
    with first.collection() as (_, collection):
        for count, _ in enumerate(collection.go()):
            if count == after:
                interrupt.request()
        assert collection.finished == (not interrupt.requested)
    before = contents(first.path)
    second = Class(tmp_path / "s.db", spec, observing=observing)
    collect(second)
    whole = Class(tmp_path / "whole.db", spec, observing=observing)
    collect(whole)
    kept = contents(second.path)
    assert kept == contents(whole.path)
    for table, rows in before.items():
        assert not Counter(rows) - Counter(kept[table])
    drawn = len(kept["sample"]) - len(before["sample"]) + len(kept["rollout"]) - len(before["rollout"])
    assert len(second.policy.asked) == drawn


# -- rollouts


def test_rollouts_begin_inside_solutions_to_train_on_and_end_as_the_policy_says(tmp_path: Path) -> None:
    room = Class(tmp_path / "s.db", make_spec(rollouts=3))
    told = collect(room)
    kept = contents(room.path)
    held_out = make_rows(1)[0].problem.text
    answered = {each[:2] for each in kept["sample"] if each[3] is not None and each[0] != held_out}
    right = {each[:2] for each in kept["sample"] if each[3] == "4"}
    wrong = {each[0] for each in kept["sample"] if each[3] != "4"}
    mixed = {problem for problem, _ in right if problem in wrong}
    inside = {each: 2 if each in right and each[0] in mixed else 1 for each in answered}  # steps but the last
    assert Counter(each[:2] for each in kept["rollout"]) == {each: 3 * steps for each, steps in inside.items()}
    assert told[-1] == Stage("rollouts drawn", 3 * sum(inside.values()), 3 * sum(inside.values()))
    assert not room.policy.live
    for prefix in room.policy.resumed:
        assert any(line.text.startswith(prefix.text) and line.text != prefix.text for line in (RIGHT, WRONG))
    assert {each[4] for each in kept["rollout"]} == {"4", "5"}


def test_more_rollouts_draw_only_what_is_missing(tmp_path: Path) -> None:
    collect(Class(tmp_path / "s.db", make_spec(rollouts=1)))
    before = contents(tmp_path / "s.db")["rollout"]
    more = Class(tmp_path / "s.db", make_spec(rollouts=3))
    collect(more)
    after = contents(more.path)["rollout"]
    assert len(after) == 3 * len(before)
    assert not Counter(before) - Counter(after)
    assert len(more.policy.asked) == 2 * len(before)


# -- what is looked at


@pytest.mark.parametrize("layers", range(2, 100))
def test_layers_to_try_are_inside_the_model_and_not_its_last(layers: int) -> None:
    found = candidate_layers(layers)
    assert found == tuple(sorted(set(found)))
    assert 0 <= found[0] <= found[-1] <= layers - 2
    assert len(found) == 6 or layers < 12


def test_the_default_model_is_looked_at_where_it_was_measured_to_tell_most() -> None:
    assert candidate_layers(24) == (7, 10, 12, 14, 17, 20)


def test_a_collection_names_its_layers(tmp_path: Path) -> None:
    with Class(tmp_path / "s.db", make_spec()).collection() as (_, collection):
        assert isinstance(collection, Collection)
        assert collection.layers == LAYERS
