from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from runtime.notes import Notes
from ttcli.catalog.progress import NoProgress
from ttcli.catalog.stored import LocalModel
from ttcli.cost import Budget, Stopped, Unit
from ttcli.engine.params import SamplingParams
from ttcli.errors import ModelError, UsageError
from ttcli.events import CandidateFinished, CandidateScored, Event, Outcome, RunFinished, RunStarted
from ttcli.interrupt import Interrupt
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.scripted import ScriptedPolicy
from ttcli.problem import AnswerForm, Problem
from ttcli.record.encode import record
from ttcli.record.recording import read_record
from ttcli.runtime.facts import facts
from ttcli.runtime.runtime import load_runtime
from ttcli.runtime.settings import Machine, Settings
from ttcli.seams import Extend, Extension
from ttcli.verifier.spec import VerifierSpec

PROBLEM = Problem("What is 2 + 2?")


class Silent(NoProgress):
    def start(self, name: str, source: str, total_bytes: int, done_bytes: int) -> None:
        raise AssertionError("nothing is to be fetched")


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "script.json"
    lines = [
        {"text": "It is\n\n\\boxed{4}", "score": 0.75, "logprob": -0.5},
        {"text": "\\boxed{5}", "score": 0.25, "logprob": -2},
        {"text": "who knows"},
    ]
    path.write_text(json.dumps({"": lines}), encoding="utf-8")
    return f"scripted:{path}"


def solve(settings: Settings, interrupt: Interrupt | None = None) -> tuple[RunStarted, list[Event], Outcome]:
    with load_runtime(settings, interrupt or Interrupt(), Silent()) as bench:
        began, *events, solved = bench.solve(PROBLEM)
    assert isinstance(began, RunStarted)
    assert isinstance(solved, RunFinished)
    return began, events, solved.outcome


def test_a_run_begins_with_who_solves_what_and_ends_solved(script: str) -> None:
    began, _, outcome = solve(Settings(script, budget=Budget(8), seed=3))
    assert began == RunStarted(PROBLEM, "auto", "scripted", None, Budget(8), 3)
    assert outcome.answer in {"4", "5"}
    assert outcome.cost.seconds > 0


@pytest.mark.parametrize("verifier", ["scripted", "confidence", "confidence:weakest"])
def test_a_script_goes_with_every_verifier_that_needs_no_model(script: str, verifier: str) -> None:
    began, events, _ = solve(Settings(script, verifier_name=verifier, budget=Budget(6)))
    assert (began.method, began.verifier) == ("best-of-n", verifier)
    answered = [
        event for event in events if isinstance(event, CandidateFinished) and event.candidate.answer is not None
    ]
    assert len([event for event in events if isinstance(event, CandidateScored)]) == len(answered) > 0


def test_a_script_cannot_judge(script: str) -> None:
    with pytest.raises(UsageError, match="cannot judge"):
        solve(Settings(script, verifier_name="judge"))


def test_a_script_that_is_not_there_is_said_before_the_run() -> None:
    with pytest.raises(ModelError, match="cannot read the script"):
        solve(Settings("scripted:nowhere.json"))


def test_an_interrupt_before_the_first_token_leaves_nothing_to_vote_on(script: str) -> None:
    interrupt = Interrupt()
    interrupt.request()
    _, _, outcome = solve(Settings(script), interrupt)
    assert (outcome.answer, outcome.candidates, outcome.stopped) == (None, (), Stopped.INTERRUPT)


def test_a_deadline_is_a_budget_and_no_interrupt(script: str) -> None:
    settings = Settings(script, method_name="majority", budget=Budget(0.05, Unit.SECONDS), max_tokens=4)
    _, _, outcome = solve(settings)
    assert outcome.stopped is not Stopped.INTERRUPT
    assert outcome.candidates
    assert outcome.cost.seconds < 1


KEYS = [
    "version", "ttc", "problem", "answer", "support", "method", "model", "verifier", "budget", "seed", "stopped",
    "winner", "votes", "no_answer", "candidates", "tree", "chose", "cost", "answer_kind", "confidence",
]  # fmt: skip


def test_the_record_has_stable_keys_and_survives_json(script: str) -> None:
    began, _, outcome = solve(
        Settings(script, method_name="best-of-n", verifier_name="scripted", budget=Budget(9), seed=2)
    )
    told = record(began, outcome)
    assert list(told) == KEYS
    again = json.loads(json.dumps(told))
    assert again == {**told, "candidates": again["candidates"], "votes": again["votes"], "tree": []}
    assert again["version"] == 1
    assert again["answer"] == again["votes"][0]["answer"] == again["candidates"][again["winner"]]["answer"]
    assert again["no_answer"] + sum(len(vote["members"]) for vote in again["votes"]) == len(again["candidates"]) == 9
    assert set(again["candidates"][0]) == {
        "number", "index", "text", "answer", "ended", "tokens", "logprob", "score", "step_scores", "node",
            "chain", "attempt",
    }  # fmt: skip
    assert set(again["votes"][0]) == {"answer", "members", "weight", "best"}
    assert again["cost"]["tokens"] == sum(again["cost"][f"{who}_tokens"] for who in ("prompt", "policy", "verifier"))
    assert set(again["cost"]) == {*(field.name for field in dataclasses.fields(outcome.cost)), "tokens"}


def test_the_record_of_a_search_has_its_tree(script: str) -> None:
    settings = Settings(script, method_name="beam:m=2,n=4", verifier_name="scripted", budget=Budget(4), seed=2)
    began, _, outcome = solve(settings)
    told = json.loads(json.dumps(record(began, outcome)))
    assert (told["method"], told["verifier"]) == ("beam:m=2,n=4", "scripted")
    numbers = [node["number"] for node in told["tree"]]
    assert numbers == [*range(1, len(numbers) + 1)]
    assert set(told["tree"][0]) == {
        "number", "parent", "text", "tokens", "logprob", "ended", "score", "pruned", "rollout",
    }  # fmt: skip
    assert {candidate["node"] for candidate in told["candidates"]} <= set(numbers)
    assert sum(node["tokens"] for node in told["tree"]) == told["cost"]["policy_tokens"]


def test_a_search_with_a_verifier_of_finished_solutions_is_refused_before_it_begins(script: str) -> None:
    with load_runtime(Settings(script, method_name="beam", verifier_name="scripted"), Interrupt(), Silent()) as bench:
        bench.verifiers["scripted"].partial = False
        with pytest.raises(UsageError, match="beam asks for a score after every step"):
            next(bench.solve(PROBLEM))


@pytest.mark.parametrize(
    ("method", "warned"),
    [("beam", 1), ("best-of-n", 0), ("revise", 0), ("search-revise", 0), ("search-revise:by=beam", 1)],
)
def test_only_who_prunes_by_a_verifier_hears_that_it_cannot_rank_what_is_not_finished(
    script: str, method: str, warned: int
) -> None:
    notes = Notes()
    settings = Settings(script, method_name=method, verifier_name="arithmetic")
    with load_runtime(settings, Interrupt(), notes):
        assert sum("hardly ranks partial solutions" in note for note in notes.notes) == warned


def test_the_record_of_a_run_without_an_answer_says_null(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text('{"": [{"text": "who knows", "length": true}]}', encoding="utf-8")
    began, _, outcome = solve(Settings(f"scripted:{path}", budget=Budget(2)))
    told = record(began, outcome)
    assert (told["answer"], told["winner"], told["votes"], told["no_answer"], told["support"]) == (None, None, [], 2, 0)
    assert (told["answer_kind"], told["confidence"]) == (None, 0)


def test_a_search_gets_room_for_the_prefixes_it_holds(small_model_path: Path) -> None:
    settings = Settings(
        str(small_model_path),
        method_name="beam",
        verifier_name="confidence",
        budget=Budget(8),
        machine=Machine(width=4),
    )
    with load_runtime(settings, Interrupt(), Silent()) as runtime:
        assert isinstance(runtime.policy, LocalPolicy)
        runtime.policy.start(PROBLEM)
        assert runtime.policy.scheduler.session.sequences > 4 + 2 * 8


def test_steps_carry_the_states_of_the_layers_asked_for(small_model_path: Path) -> None:
    settings = Settings(str(small_model_path), max_tokens=4)
    with load_runtime(settings, Interrupt(), Silent(), bench=[], observe=lambda layers: [layers // 2]) as runtime:
        root = runtime.policy.start(PROBLEM)
        happenings = [each for some in runtime.policy.extend([Extend(root, (0, 0))]) for each in some]
    [drawn] = [each for each in happenings if isinstance(each, Extension)]
    assert [list(step.states) for step in drawn.prefix.steps] == [[15]] * len(drawn.prefix.steps)


def test_a_command_scores_what_a_script_draws(script: str) -> None:
    settings = Settings(script, verifier_name="command:sh -c 'test \"$TTC_ANSWER\" = 4'", budget=Budget(6))
    _, _, outcome = solve(settings)
    scores = {each.answer: each.score for each in outcome.candidates}
    assert (outcome.answer, scores.get("4"), scores.get("5", 0.0)) == ("4", 1.0, 0.0)


def test_a_command_is_asked_of_every_finished_text_whether_it_has_an_answer_or_not(tmp_path: Path) -> None:
    lines = [{"text": "Hmm."}, {"text": "It is \\boxed{4}"}, {"text": "and on and", "length": True}]
    (tmp_path / "script.json").write_text(json.dumps({"": lines}), encoding="utf-8")
    settings = Settings(f"scripted:{tmp_path / 'script.json'}", verifier_name="command:true", budget=Budget(9))
    _, _, outcome = solve(settings)
    assert {each.text: each.score for each in outcome.candidates} == {
        "Hmm.": 1.0,
        "It is \\boxed{4}": 1.0,
        "and on and": None,
    }
    assert outcome.answer == "4"


def test_the_score_of_the_whole_is_made_of_the_steps_as_one_likes(script: str) -> None:
    for how in (None, "prod"):
        settings = Settings(script, verifier_name="scripted", budget=Budget(6), aggregate=how)
        began, _, outcome = solve(settings)
        assert began.verifier == ("scripted" if how is None else "scripted (prod)")
        (score,) = {each.score for each in outcome.candidates if each.answer == "4"}
        assert score == pytest.approx(0.75 if how is None else 0.75**2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"verifier_name": "command:true"}, "command:true gives one score for the whole"),
        ({"verifier_name": "judge:x.gguf"}, "judge:x.gguf gives one score for the whole"),
        ({"method_name": "majority"}, "nothing is scored here"),
    ],
)
def test_there_must_be_scores_of_steps_to_aggregate(script: str, settings: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        solve(Settings(script, aggregate="min", **settings))  # type: ignore[arg-type]
    assert caught.value.hint == "leave out --aggregate"


def test_scores_are_filed_under_what_made_them(script: str, tmp_path: Path) -> None:
    check = tmp_path / "check.sh"
    check.write_text("#!/bin/sh\n", encoding="utf-8")
    check.chmod(0o755)

    def keys(**more: str) -> list[str]:
        with load_runtime(Settings(script, **more), Interrupt(), Silent(), bench=[]) as bench:  # type: ignore[arg-type]
            return [bench.verifier_key(name) for name in ("confidence", "scripted", f"command:{check}")]

    first = keys()
    assert first[0] == "confidence"
    assert first == keys()
    check.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    second = keys()
    assert [old == new for old, new in zip(first, second, strict=True)] == [True, True, False]


def test_scores_of_another_aggregation_are_filed_apart(script: str) -> None:
    specs = [VerifierSpec.parse("confidence")]
    with load_runtime(Settings(script, aggregate="min"), Interrupt(), Silent(), bench=specs) as bench:
        assert bench.verifier_key("confidence") == "confidence min"


def test_a_model_that_nothing_describes_is_no_process_reward_model(script: str, tmp_path: Path) -> None:
    (tmp_path / "plain.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="not known to be a process reward model") as caught:
        solve(Settings(script, verifier_name=f"prm:{tmp_path / 'plain.gguf'}"))
    assert str(tmp_path / "plain.toml") in (caught.value.hint or "")
    assert "[verifier]" in (caught.value.hint or "")


def test_a_process_reward_model_is_described_beside_it(small_model_path: Path, script: str, tmp_path: Path) -> None:
    (tmp_path / "prm.gguf").symlink_to(small_model_path)
    toml = '[verifier]\nkind = "prm"\nform = "step-turn"\ngood = "+"\nbad = "-"\n'
    (tmp_path / "prm.toml").write_text(toml, encoding="utf-8")
    name = f"prm:{tmp_path / 'prm.gguf'}"
    began, _, outcome = solve(Settings(script, verifier_name=name, budget=Budget(2), offline=True))
    assert began.verifier == "prm:prm"
    assert outcome.cost.verifier_tokens > 0
    for each in outcome.candidates:
        assert each.score is None or each.score == each.step_scores[-1]
    with load_runtime(Settings(script, verifier_name=name, offline=True), Interrupt(), Silent()) as bench:
        key = bench.verifier_key(name)
    (tmp_path / "prm.toml").write_text(toml.replace('good = "+"', 'good = "="'), encoding="utf-8")
    with load_runtime(Settings(script, verifier_name=name, offline=True), Interrupt(), Silent()) as bench:
        assert bench.verifier_key(name) != key


def test_a_model_says_what_it_can_verify_by(small_model_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "prm.gguf"
    path.symlink_to(small_model_path)
    local = LocalModel(path, None, "prm")
    told = facts(local)
    assert (told["judge"], told["prm"]) == ("yes", "no: nothing describes it")
    assert "layers 0 to 28" in str(told["head"])
    toml = '[verifier]\nkind = "prm"\nform = "step-turn"\ngood = "+"\nbad = "-"\n'
    (tmp_path / "prm.toml").write_text(toml, encoding="utf-8")
    assert facts(local)["prm"] == "yes: step-turn"
    (tmp_path / "prm.toml").write_text(toml.replace('good = "+"', 'good = "not one token"'), encoding="utf-8")
    assert str(facts(local)["prm"]).startswith("no: prm.gguf writes the label 'not one token' as ")


def test_a_reviser_draws_the_revisions_of_the_models_own_weights(small_model_path: Path, tmp_path: Path) -> None:
    from engine.adapters import write_adapter

    model, seen = str(small_model_path), {}
    zero, lora = (write_adapter(tmp_path / f"{scale}.gguf", scale=scale) for scale in (0.0, 20.0))
    for name, reviser in {"none": None, "zero": str(zero), "lora": str(lora)}.items():
        settings = Settings(
            model,
            method_name="revise:ratio=4",
            budget=Budget(4),
            sampling=SamplingParams(temperature=0),
            max_tokens=24,
            reviser=reviser,
        )
        with load_runtime(settings, Interrupt(), Silent()) as bench:
            *_, last = bench.solve(PROBLEM)
            assert isinstance(last, RunFinished)
            assert (bench.revisions["reviser"] is None) == (reviser is None)
            assert "reviser" not in bench.recipe
            seen[name] = ([each.text for each in last.outcome.candidates], bench.recipe, bench.revisions)
    assert len({texts[0] for texts, _, _ in seen.values()}) == 1
    assert seen["lora"][0][1:] != seen["zero"][0][1:]
    assert seen["none"][1] == seen["zero"][1] == seen["lora"][1]
    assert seen["zero"][2] != seen["lora"][2]


def test_what_is_no_reviser_is_said_before_the_run(small_model_path: Path, tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("hello, this is text")
    for reviser in (tmp_path / "missing.gguf", tmp_path / "text.gguf"):
        settings = Settings(str(small_model_path), method_name="revise", reviser=str(reviser))
        with pytest.raises(ModelError) as caught, load_runtime(settings, Interrupt(), Silent()):
            pass
        assert caught.value.hint


def script_of(folder: Path, *lines: Mapping[str, object]) -> str:
    path = folder / "lines.json"
    path.write_text(json.dumps({"": lines}), encoding="utf-8")
    return f"scripted:{path}"


def each_once(settings: Settings, problem: str, texts: int) -> list[Outcome]:
    """What those seeds come to that draw every one of so many texts once."""
    outcomes = [solved(dataclasses.replace(settings, budget=Budget(texts), seed=seed), problem) for seed in range(60)]
    found = [each for each in outcomes if len({candidate.text for candidate in each.candidates}) == texts]
    assert len({each.candidates[0].text for each in found}) > 1
    return found


def solved(settings: Settings, problem: str) -> Outcome:
    with load_runtime(settings, Interrupt(), Silent()) as runtime:
        *_, last = runtime.solve(Problem(problem))
    assert isinstance(last, RunFinished)
    return last.outcome


def test_answers_without_a_box_count_to_a_question_in_words(tmp_path: Path) -> None:
    boxed = [{"text": "\\boxed{Sydney}"}] * 2
    script = script_of(tmp_path, *boxed, {"text": "\\boxed{Canberra}"}, *[{"text": "Canberra."}] * 4)
    outcome = solved(Settings(script, method_name="majority", budget=Budget(40)), "What is the capital of Australia?")
    assert outcome.answer in {"Canberra", "Canberra."}
    assert len(outcome.ballot.votes) == 2
    assert len(outcome.ballot.votes[0].members) > 20
    assert outcome.ballot.abstained == 0


def test_where_nobody_has_an_answer_two_equal_texts_win(tmp_path: Path) -> None:
    alike = [{"text": "I would say so.", "logprob": -3.0}, {"text": "I would say so!", "logprob": -3.0}]
    script = script_of(tmp_path, *alike, *[{"text": f"Not at {number} o'clock."} for number in range(20)])
    outcome = solved(Settings(script, method_name="majority", budget=Budget(64)), "Why 2 + 2?")
    leader = outcome.ballot.leader
    assert leader is not None
    assert len(leader.members) >= 2
    assert all(each.kind == "text" for each in outcome.candidates)


def test_where_no_two_texts_are_alike_the_surest_is_the_answer_and_a_cut_one_never_is(tmp_path: Path) -> None:
    script = script_of(
        tmp_path,
        {"text": "Perhaps so.", "logprob": -2.0},
        {"text": "Surely so.", "logprob": -0.5},
        {"text": "Red and", "logprob": -0.1, "length": True},
    )
    for outcome in each_once(Settings(script, method_name="majority"), "Why 2 + 2?", 3):
        assert outcome.answer == "Surely so."
        assert outcome.ballot.abstained == 1


@pytest.mark.parametrize("method", ["best-of-n", "best-of-n-plain"])
@pytest.mark.parametrize("verifier", ["scripted", "confidence", "command:grep -q Perhaps"])
def test_where_no_two_texts_are_alike_the_verifier_chooses(tmp_path: Path, method: str, verifier: str) -> None:
    script = script_of(
        tmp_path,
        {"text": "Perhaps so.", "logprob": -0.5, "score": 0.9},
        {"text": "Surely so.", "logprob": -2.0, "score": 0.2},
    )
    for outcome in each_once(Settings(script, method_name=method, verifier_name=verifier), "Why 2 + 2?", 2):
        assert outcome.answer == "Perhaps so."
        assert all(each.score is not None for each in outcome.candidates)


@pytest.mark.parametrize("form", ["boxed", "choice"])
def test_a_form_that_texts_cannot_have_is_not_given_up(tmp_path: Path, form: AnswerForm) -> None:
    script = script_of(tmp_path, {"text": "Perhaps so."})
    assert solved(Settings(script, answer=form), "Why 2 + 2?").answer is None


def test_code_that_is_the_same_but_for_its_layout_is_one_answer(tmp_path: Path) -> None:
    script = script_of(
        tmp_path,
        {"text": "So:\n```python\ndef f(a):\n    return a+1\n```"},
        {"text": "```python\ndef f(a):\n    # one more\n    return (a + 1)\n```\nThat is it."},
        {"text": "```python\ndef f(a):\n    return a\n```"},
    )
    outcome = solved(Settings(script, method_name="majority", budget=Budget(30)), "Write a Python function f.")
    assert sorted(len(vote.members) for vote in outcome.ballot.votes)[-1] > 15
    assert len(outcome.ballot.votes) == 2
    assert outcome.answer is not None
    assert outcome.answer.startswith("def f(a):")
    assert {each.kind for each in outcome.candidates} == {"code"}


@pytest.mark.parametrize(("text", "score"), [("```\nexit 0\n```", 1.0), ("```\nexit 1\n```", 0.0), ("no code", 0.0)])
def test_a_command_may_be_given_the_block_of_code_alone(tmp_path: Path, text: str, score: float) -> None:
    script = script_of(tmp_path, {"text": text})
    settings = Settings(script, verifier_name="command:sh", extract="code", budget=Budget(1))
    assert [each.score for each in solved(settings, "Write a shell script.").candidates] == [score]


def test_code_is_extracted_for_a_command_alone(script: str) -> None:
    with (
        pytest.raises(UsageError, match="no command checks anything"),
        load_runtime(Settings(script, extract="code"), Interrupt(), Silent()),
    ):
        pass


def test_the_form_of_answers_is_part_of_what_draws_them(script: str) -> None:
    recipes = []
    for form in ("auto", "code"):
        with load_runtime(Settings(script, answer=form), Interrupt(), Silent()) as runtime:
            recipes.append(runtime.recipe)
    assert recipes[1] == {**recipes[0], "answer": "code"}


def asking(script: str, **options: object) -> Settings:
    return dataclasses.replace(Settings(script, method_name="majority", budget=Budget(12), ask_again=True), **options)  # type: ignore[arg-type]


def test_candidates_that_end_without_an_answer_are_asked_for_it(tmp_path: Path) -> None:
    script = script_of(tmp_path, {"text": "So it must be four.", "again": "4}."}, {"text": "Hm, and", "length": True})
    outcome = solved(asking(script), "What is 2 + 2?")
    assert outcome.answer == "4"
    said = {each.text: (each.answer, each.asked_again) for each in outcome.candidates}
    assert said["So it must be four.\n\nThe final answer is \\boxed{4}."] == ("4", True)
    assert said["Hm, and\n\nThe final answer is \\boxed{"] == (None, True)
    plain = solved(asking(script, ask_again=False), "What is 2 + 2?")
    assert outcome.cost.policy_tokens > plain.cost.policy_tokens
    assert outcome.cost.prompt_tokens > plain.cost.prompt_tokens
    assert outcome.cost.generations == plain.cost.generations


def test_an_unclosed_thought_is_closed_before_the_answer_is_asked_for(tmp_path: Path) -> None:
    script = script_of(tmp_path, {"text": "<think>it may be four", "length": True, "again": "4}"})
    assert solved(asking(script), "What is 2 + 2?").answer == "4"


@pytest.mark.parametrize(
    ("problem", "form", "asked"),
    [
        ("What is 2 + 2?", "auto", True),
        ("Which one?\nA) red\nB) blue", "auto", True),
        ("Which city?", "boxed", True),
        ("Who are you?", "auto", False),
        ("Write a haiku.", "auto", False),
        ("Write a Python function.", "auto", False),
        ("What is 2 + 2?", "text", False),
        ("What is 2 + 2?", "code", False),
    ],
)
def test_only_a_question_with_a_short_answer_is_asked_again(
    tmp_path: Path, problem: str, form: AnswerForm, asked: bool
) -> None:
    script = script_of(tmp_path, {"text": "Well... " * 100, "again": "B}"})
    outcome = solved(asking(script, answer=form), problem)
    assert {each.asked_again for each in outcome.candidates} == {asked}


def test_nobody_is_asked_again_where_half_have_an_answer(tmp_path: Path) -> None:
    script = script_of(tmp_path, *[{"text": "\\boxed{4}"}] * 9, {"text": "Hm.", "again": "5}"})
    outcome = solved(asking(script), "What is 2 + 2?")
    assert not any(each.asked_again for each in outcome.candidates)


def test_nobody_is_asked_again_when_the_budget_is_spent(tmp_path: Path) -> None:
    script = script_of(tmp_path, {"text": "So it must be four.", "again": "4}."})
    outcome = solved(asking(script, budget=Budget(40, Unit.TOKENS)), "What is 2 + 2?")
    assert outcome.cost.tokens <= 40
    assert not any(each.asked_again for each in outcome.candidates)


def test_what_says_its_answer_at_last_is_scored_with_it(tmp_path: Path) -> None:
    script = script_of(tmp_path, {"text": "Four, I say.", "again": "4}"}, {"text": "Five, I say.", "again": "5}"})
    settings = asking(script, method_name="best-of-n", verifier_name="command:sh -c 'test \"$TTC_ANSWER\" = 5'")
    outcome = solved(settings, "What is 2 + 2?")
    assert outcome.answer == "5"
    assert {each.answer: each.score for each in outcome.candidates} == {"4": 0.0, "5": 1.0}


def test_a_search_is_asked_again_too(tmp_path: Path) -> None:
    script = script_of(tmp_path, {"text": "First.\n\nSo four.", "again": "4}"})
    settings = asking(script, method_name="beam:m=2", verifier_name="scripted", budget=Budget(4))
    assert solved(settings, "What is 2 + 2?").answer == "4"


def test_what_was_asked_again_says_so_in_its_record(tmp_path: Path) -> None:
    script = script_of(tmp_path, {"text": "So it must be four.", "again": "4}."})
    began, _, outcome = solve(asking(script))
    told = record(began, outcome)
    assert all(each["asked_again"] for each in told["candidates"])
    assert read_record(json.loads(json.dumps(told)), "it").outcome == outcome


def test_nothing_is_held_when_all_have_been_asked(tmp_path: Path) -> None:
    script = script_of(tmp_path, {"text": "So it must be four.", "again": "4}."})
    with load_runtime(asking(script), Interrupt(), Silent()) as runtime:
        assert isinstance(runtime.policy, ScriptedPolicy)
        assert [*runtime.solve(PROBLEM)]
        assert not runtime.policy.live
