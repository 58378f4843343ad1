from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from train.fakes import LAYERS, RIGHT, SILENT, WRONG, Class, given, make_spec
from train.synthetic import QUICK
from ttcli.engine.job import split_steps
from ttcli.errors import UsageError
from ttcli.policy.script import Script, ScriptLine
from ttcli.solution import Ended, Prefix, Step
from ttcli.train.card import Trained
from ttcli.train.drawing import Stage
from ttcli.train.fit import deal
from ttcli.train.spec import TrainSpec
from ttcli.train.verifier import train_verifier
from ttcli.train.ways import Context, make, said
from ttcli.verifier.head_file import read_head, write_head


def train(path: Path, spec: TrainSpec, script: Script | None = None) -> tuple[list[Stage], Trained]:
    room = Class(path, spec, script=script) if script else Class(path, spec)
    with room.collection() as (store, collection):
        [*collection.go()]
        *stages, trained = train_verifier(store, spec, collection.parts, collection.layers, recipes=QUICK)
    assert isinstance(trained, Trained)
    return [each for each in stages if isinstance(each, Stage)], trained


SPEC = make_spec(20, held_out=(0, 3, 7, 8, 11, 19))


def test_a_head_of_the_telling_layer_comes_with_its_card(tmp_path: Path) -> None:
    stages, trained = train(tmp_path / "s.db", SPEC)
    assert stages == [Stage("layers tried", done, 2) for done in (1, 2)]
    assert trained.chosen is not None
    assert trained.chosen.layer == 4
    trained.write(tmp_path / "heads" / "h.safetensors")
    card = read_head(tmp_path / "heads" / "h.safetensors").card
    assert json.loads(json.dumps(card)) == card
    assert (card["model"], card["weights"]) == ("scripted", "f" * 64)
    assert card["data"] == {"name": "data.jsonl", "sha256": "a" * 64}
    assert card["solutions"] is None
    assert card["command"] == "ttc train verifier data.jsonl"
    assert (card["seed"], card["temperature"]) == (0, 0.8)
    assert card["train"]["problems"] + card["held_out"]["problems"] <= 20
    assert [each["layer"] for each in card["cross_validation"]["layers"]] == list(LAYERS)
    assert card["chosen"] in card["cross_validation"]["layers"]
    assert card["chosen"]["layer"] == 4
    assert card["beats_majority"] in (True, False, "unclear")


def test_the_card_says_what_is_seen_and_what_the_states_add(tmp_path: Path) -> None:
    _, trained = train(tmp_path / "s.db", SPEC)
    card = trained.head.card
    kinds = [each["looks_at"] for each in card["ways"]]
    assert kinds == ["visible", "states", "several layers", "both"]
    assert [each["taken"] for each in card["ways"]].index(True) == kinds.index(card["looks_at"])
    for each in card["ways"]:
        assert len(each["auc_within_by_quarters"]) == len(each["held_out_auc_within_by_quarters"]) == 4
        assert each["auc_within_by_quarters"][3] == pytest.approx(each["auc_within"])
        assert each["vote_log_loss"] > 0
    assert len(card["figures"]["auc_within_by_quarters"]) == 4


def test_without_a_look_at_states_nothing_is_read_and_the_head_goes_by_what_is_seen(tmp_path: Path) -> None:
    spec = replace(SPEC, states=False)
    room = Class(tmp_path / "s.db", spec)
    with room.collection() as (store, collection):
        [*collection.go()]
        assert collection.finished
        (trained,) = train_verifier(store, spec, collection.parts, collection.layers)
    assert not room.reader.asked
    assert isinstance(trained, Trained)
    assert (trained.head.observed, trained.way.kind) == ((), "visible")
    card = trained.head.card
    assert (card["looks_at"], card["chosen"], card["cross_validation"]["layers"]) == ("visible", None, [])
    assert [each["looks_at"] for each in card["ways"]] == ["visible"]
    both = train(tmp_path / "all.db", SPEC)[1]
    assert card["ways"][0]["auc_within"] == pytest.approx(both.head.card["ways"][0]["auc_within"])


@pytest.mark.parametrize("kind", ["visible", "states", "several layers", "both"])
def test_every_way_makes_a_verifier_that_says_at_work_what_it_said_in_training(tmp_path: Path, kind: str) -> None:
    _, trained = train(tmp_path / "s.db", SPEC)
    way = next(each.way for each in trained.added if each.way.kind == kind)
    examples = trained.train.examples
    head = make(Context(examples, deal(examples, seed=0), {}, 0), way, trained.head.card)
    write_head(tmp_path / "h.safetensors", head)
    again = read_head(tmp_path / "h.safetensors")
    chances = said(again, examples)
    rows = SPEC.rows[int(examples.problem[0])]
    first = int(examples.steps[0])
    steps = split_steps((RIGHT if examples.correct[0] else WRONG).text, "\n\n")
    written = tuple(Step(text, len(text.split()), None) for text in steps)
    states = [
        {layer: examples.states[layer][at].astype(np.float32) for layer in examples.states} for at in range(first)
    ]
    if kind in {"states", "several layers"}:
        prefix = Prefix(rows.problem, 0, steps=written, ended=Ended.STOP)
        assert again.judge(prefix, states)[0] == pytest.approx(chances[first - 1], abs=1e-5)
    assert chances.shape == examples.labels.shape
    assert (chances > 0).all()
    assert (chances < 1).all()


def test_the_figures_are_those_of_held_out_problems_alone(tmp_path: Path) -> None:
    _, trained = train(tmp_path / "s.db", SPEC)
    examples = trained.held_out.examples
    assert set(examples.problem.tolist()) <= set(SPEC.held_out)
    assert not set(trained.train.examples.problem.tolist()) & set(SPEC.held_out)
    scores = said(trained.head, examples)[examples.ends - 1]
    figures = trained.head.card["figures"]
    assert figures["auc_across"]["value"] == pytest.approx(roc_auc_score(examples.correct, scores))
    assert figures["problems"] == 6
    assert trained.head.card["held_out"]["solutions"] == len(scores)
    votes = figures["votes"][-1]
    assert votes["samples"] == 4
    assert votes["comparison"]["difference"] == pytest.approx(votes["weighted"] - votes["majority"])


def test_a_head_is_trained_and_judged_on_given_and_drawn_solutions_and_says_how_many_these_were(tmp_path: Path) -> None:
    solutions = given({at: [RIGHT, WRONG, RIGHT, WRONG, SILENT] for at in range(2, 10)})
    spec = replace(SPEC, solutions=solutions)
    _, trained = train(tmp_path / "s.db", spec)
    _, plain = train(tmp_path / "plain.db", SPEC)
    card = trained.head.card
    assert card["solutions"] == {"name": "rollouts.jsonl", "sha256": solutions.sha256}
    for part, found, without in (("train", trained.train, plain.train), ("held_out", trained.held_out, plain.held_out)):
        held_out = part == "held_out"
        own = [at for at in range(2, 10) if (at in spec.held_out) == held_out]
        drawn = [at for at in without.examples.problem.tolist() if at not in own]
        assert (card[part]["given"], card[part]["drawn"]) == (4 * len(own), len(drawn))
        assert card[part]["solutions"] == 4 * len(own) + len(drawn)
        assert found.examples.problem.tolist() == sorted(found.examples.problem.tolist())
        for at in own:
            assert found.examples.of([at]).correct.tolist() == [True, False, True, False]
        assert np.array_equal(found.examples.of(drawn).states[4], without.examples.of(drawn).states[4])
    assert (plain.head.card["train"]["given"], plain.head.card["held_out"]["given"]) == (0, 0)
    assert trained.judgement.problems == 6


def test_the_same_lesson_gives_the_same_head(tmp_path: Path) -> None:
    (_, first), (_, again) = train(tmp_path / "a.db", SPEC), train(tmp_path / "b.db", SPEC)
    examples = first.train.examples
    assert np.array_equal(said(first.head, examples), said(again.head, examples))
    assert first.head.card == again.head.card


def test_rollouts_make_labels_soft_and_are_counted(tmp_path: Path) -> None:
    forking = Script({"": [ScriptLine(f"One and one.\n\nSo \\boxed{{{answer}}}.") for answer in (4, 4, 5)]})
    _, trained = train(tmp_path / "s.db", replace(SPEC, rollouts=2), forking)
    labels = trained.train.examples.labels
    assert ((labels > 0) & (labels < 1)).any()
    assert set(trained.held_out.examples.labels.tolist()) <= {0.0, 1.0}
    assert trained.head.card["train"]["rollouts"] == trained.train.rollouts > 0
    assert trained.head.card["held_out"]["rollouts"] == 0


def test_held_out_problems_without_an_answer_are_refused(tmp_path: Path) -> None:
    held_out = {SPEC.rows[at].problem.text: [SILENT] for at in SPEC.held_out}
    script = Script({**held_out, "": Class(tmp_path / "x.db", SPEC).script.lines[""]})
    with pytest.raises(UsageError, match="no solution of the 6 held-out problems has an answer") as caught:
        train(tmp_path / "s.db", SPEC, script)
    assert caught.value.hint


def test_problems_that_are_always_answered_alike_are_refused(tmp_path: Path) -> None:
    script = Script({"": [Class(tmp_path / "x.db", SPEC).script.lines[""][0]]})
    with pytest.raises(UsageError, match="all solutions to train on are right"):
        train(tmp_path / "s.db", SPEC, script)
