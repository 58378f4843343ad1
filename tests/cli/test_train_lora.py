"""`ttc train reviser` and `ttc train prm`: what they refuse, and, where torch is, adapters of a tiny model."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from cli.calls import Call
from cli.training import complaint, write, write_solutions

KINDS = ("reviser", "prm")
BEGINNINGS = "{way}: {a} and 2.\n\nIt is \\boxed{{{answer}}}."  # no two solutions of a problem begin alike
needs_torch = pytest.mark.skipif(
    find_spec("torch") is None, reason="adapters are trained by torch, which is not installed"
)


@pytest.fixture
def solutions(clean: Path) -> str:
    return write_solutions(clean / "s.jsonl", text=BEGINNINGS)


@pytest.mark.parametrize("kind", KINDS)
def test_help_begins_with_examples_and_shows_no_more_than_twelve_options(here: Call, kind: str) -> None:
    text = here("train", kind, "--help").out
    assert f"ttc train {kind} gsm8k_train.jsonl --limit 500" in text
    assert len([line for line in text.splitlines() if line.startswith("│ --")]) - 2 <= 12
    assert "--learning-rate" not in text
    assert "--learning-rate" in here("train", kind, "--help-more").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--held-out", "1"), "--held-out must be between 0 and 1, not 1"),
        (("--limit", "5"), "and 3 are left to train on"),
        (("--samples", "1"), "--samples must be at least 2, not 1"),
        (("--rank", "0"), "--rank must be at least 1, not 0"),
        (("--steps", "-3"), "--steps must be at least 1, not -3"),
        (("--learning-rate", "0"), "--learning-rate must be above 0"),
        (("-o", ""), "--output names nothing"),
        (("-o", "./data.jsonl/x.gguf"), "cannot be written"),
        (("-o", "./x.bin"), "must end in .gguf"),
        (("--solutions", "none.jsonl"), "cannot read none.jsonl"),
        (("--model", "scripted:script.json"), "a script shows no hidden states"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_hint(here: Call, data: str, options: tuple[str, ...], said: str) -> None:
    assert said in complaint(here("train", "reviser", data, "--quiet", *options))
    assert not list(Path().glob("**/*.sqlite3"))


@pytest.mark.parametrize(("kind", "called"), [("reviser", "reviser"), ("prm", "process reward model")])
def test_too_few_problems_are_told_by_what_would_be_judged_by_them(
    here: Call, data: str, kind: str, called: str
) -> None:
    error = complaint(here("train", kind, data, "--quiet", "--limit", "5"))
    assert f"2 would be held out to judge the {called} by, and 3 are left to train on" in error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--keep", "1"), "--keep must be from 0 to below 1, not 1"),
        (("--keep", "-0.1"), "--keep must be from 0"),
        (("--chains", "0"), "--chains must be from 1 to 256, not 0"),
        (("--chains", "1000000000"), "--chains must be from 1 to 256"),
        (("--tell", "0.05"), "--tell is about what a verifier doubts"),
        (("--verifier", "arithmetic"), "--verifier has nothing to do without --tell"),
        (("--verifier", "arithmetic", "--tell", "0"), "--tell must be above 0, and at most 1, not 0"),
        (("--verifier", "judge", "--tell", "0.1"), "judge has no step of a text to tell"),
        (("--verifier", "nobody", "--tell", "0.1"), "there is no verifier 'nobody'"),
    ],
)
def test_what_chains_a_reviser_learns_from_is_checked(
    here: Call, data: str, options: tuple[str, ...], said: str
) -> None:
    assert said in complaint(here("train", "reviser", data, *options))


def test_a_verifier_that_goes_by_tokens_cannot_doubt_the_solutions_of_a_file(
    here: Call, data: str, solutions: str
) -> None:
    told = ("--verifier", "confidence", "--tell", "0.1", "--solutions", solutions)
    assert "confidence goes by the probabilities of tokens" in complaint(here("train", "reviser", data, *told))


def test_a_number_of_rollouts_below_0_is_refused(here: Call, data: str) -> None:
    assert "--rollouts must be at least 0, not -1" in complaint(here("train", "prm", data, "--rollouts", "-1"))


@pytest.mark.parametrize("kind", KINDS)
def test_torch_is_missed_before_anything_is_drawn(
    here: Call, data: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("ttcli.train.lora.spec.find_spec", lambda name: None if name == "torch" else object())
    result = here("train", kind, data, "--quiet")
    assert "to train an adapter takes what is not installed: torch" in complaint(result)
    assert "pip install 'ttcli[lora]'" in result.err
    assert not list(Path().glob("**/*.sqlite3"))


def test_an_adapter_that_is_there_is_not_replaced_unasked(here: Call, data: str, clean: Path) -> None:
    place = clean / "home" / "adapters" / "mine.gguf"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"precious")
    assert f"there is an adapter {place} already" in complaint(here("train", "prm", data, "-o", "mine"))
    assert place.read_bytes() == b"precious"


# -- on a tiny model

SHORT = ("--max-tokens", "24", "--epochs", "1", "--batch", "8", "--rank", "4", "--device", "cpu", "--json")


@needs_torch
def test_a_reviser_is_trained_judged_and_used(here: Call, data: str, clean: Path, tiny: str, solutions: str) -> None:
    done = here("train", "reviser", data, "-m", tiny, "--solutions", solutions, "-o", "mine", "--keep", "0.5", *SHORT)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["adapter"] == str(clean / "home" / "adapters" / "mine.gguf")
    card = told["card"]
    assert card["kind"] == "reviser"
    assert card["chaining"] == {"chains": 4, "keep": 0.5, "tell": None, "verifier": None}
    assert len(card["figures"]["steps"]) == 4
    assert card["revises"] in (True, False, "unclear")
    assert "training " in done.err
    assert not list((clean / "home" / "adapters").glob("*.checkpoint"))
    used = ("--method", "revise", "--reviser", "mine", "-b", "4", "--max-tokens", "24")
    solved = here("solve", "What is 5 + 2?", "-m", tiny, *used, "--json", "-q")  # random weights come to no answer
    assert len(json.loads(solved.out)["candidates"]) == 4


@needs_torch
def test_a_reviser_that_learned_to_be_told_says_how_it_wants_to_be_asked(
    here: Call, data: str, clean: Path, tiny: str
) -> None:
    false = write_solutions(clean / "f.jsonl", text="{way}: {a} + 2 = {answer}.\n\nIt is \\boxed{{{answer}}}.")
    told = ("--verifier", "arithmetic", "--tell", "0.05")
    asked = ("train", "reviser", data, "-m", tiny, "--solutions", false, "-o", "mine", *told, *SHORT[:-1])
    done = here(*asked)
    assert done.code == 0, done.err
    use = "--method revise:tell=0.05 --verifier arithmetic"
    assert f"{use} --reviser mine" in done.out
    assert "problems whose solutions are scored" in done.err
    used = ("solve", "What is 5 + 2?", "-m", tiny, "--reviser", "mine", "-b", "4", "--max-tokens", "24")
    silent = here(*used, "--method", "revise")
    assert f"mine.gguf learned to be told which step is in doubt: {use}" in silent.err
    asked_well = here(*used, *use.split())
    assert "learned to be told" not in asked_well.err
    assert "Traceback" not in asked_well.err


@needs_torch
def test_a_process_reward_model_is_trained_judged_and_used(
    here: Call, data: str, clean: Path, tiny: str, solutions: str
) -> None:
    asked = ("train", "prm", data, "-m", tiny, "--solutions", solutions, "--rollouts", "2", "-o", "mine", *SHORT)
    done = here(*asked)
    assert done.code == 0, done.err
    card = json.loads(done.out)["card"]
    assert card["form"]["form"] == "step-tag"
    assert len(card["figures"]["auc_within_by_quarters"]) == 4
    assert card["figures"]["votes"]
    assert (clean / "home" / "adapters" / "mine.toml").is_file()
    row = {"problem": "What is 5 + 2?", "solution": "I add 5 and 2.\n\nIt is \\boxed{7}."}
    check = ("verify", write(clean / "n.jsonl", row), "--verifier", "prm:mine", "--json", "-q", "--offline")
    verified, unnamed = here(*check, "-m", tiny), here(*check)  # the default model is not there
    assert verified.code == 0, verified.err
    assert len(json.loads(verified.out.splitlines()[0])["steps"]) == 2
    assert verified.out == unnamed.out


@needs_torch
def test_solutions_without_a_right_one_teach_nothing(here: Call, data: str, clean: Path, tiny: str) -> None:
    rows = [{"problem_index": at, "text": f"\\boxed{{{off}}}"} for at in range(12) for off in (-1, -2)]
    wrong = write(clean / "wrong.jsonl", *rows)
    for kind in KINDS:
        result = here("train", kind, data, "-m", tiny, "--solutions", wrong, "-q", *SHORT)
        assert "is right: there is nothing to learn from" in complaint(result)


@needs_torch
def test_a_checkpoint_of_another_configuration_is_told_and_set_aside_on_demand(
    here: Call, data: str, clean: Path, tiny: str, solutions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ttcli.train.lora import train as module

    command = ("train", "prm", data, "-m", tiny, "--solutions", solutions, "--rollouts", "0", "-o", "mine", *SHORT)
    judge = module._judge
    monkeypatch.setattr(module, "_judge", lambda *_: iter(()))  # as if interrupted while it is judged
    stopped = here(*command)
    assert stopped.code == 130
    assert "all that was drawn and trained is kept; go on with: ttc" in stopped.err
    monkeypatch.setattr(module, "_judge", judge)
    other = here(*command, "--rank", "3", "-q")
    assert "holds a training that was begun with rank 4 instead of 3" in complaint(other)
    assert here(*command, "--rank", "3", "--restart", "-q").code == 0
