"""Thinking as a user meets it: options, what is shown, what is kept, and what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.calls import Call

SUM = "What is 2 + 3?"
LINES = [
    {"text": "<think>I add.\n\nTwo and three.</think>\n\nIt is \\boxed{5}.", "score": 0.9},
    {"text": "<think>I add on and on and on", "length": True},
]


@pytest.fixture
def thinking_script(clean: Path) -> str:
    path = clean / "thinks.json"
    path.write_text(json.dumps({"": LINES}), encoding="utf-8")
    return f"scripted:{path}"


def test_answers_and_solutions_come_without_the_thought(ttc: Call, thinking_script: str) -> None:
    done = ttc("solve", SUM, "-m", thinking_script, "-b", "6", "--show-solution")
    assert done.out == "5\n"
    assert "I add" not in done.err
    assert "It is \\boxed{5}." in done.err
    assert "of them thought" in done.err
    assert "cut x " in done.err


def test_the_thought_is_shown_where_that_is_asked_for(ttc: Call, thinking_script: str) -> None:
    done = ttc("solve", SUM, "-m", thinking_script, "-b", "6", "--show-thinking")
    assert done.out == "5\n"
    assert "I add.\n\nTwo and three.\n" in done.err


def test_json_has_the_thoughts_and_show_reads_what_was_kept(ttc: Call, thinking_script: str) -> None:
    common = ("-b", "6", "--method", "majority", "--no-ask-again")
    told = json.loads(ttc("solve", SUM, "-m", thinking_script, *common, "--json").out)
    thoughts = {each["thought"] for each in told["candidates"]}
    assert thoughts == {"I add.\n\nTwo and three.", "I add on and on and on"}
    assert {each["text"] for each in told["candidates"]} == {"It is \\boxed{5}.", ""}
    for each in told["candidates"]:
        assert 0 < each["thought_tokens"] <= each["tokens"]
        assert each["thought_open"] is (each["ended"] == "length")
    assert ttc("show", "last").code == 0


def test_many_that_are_cut_are_worth_a_warning_with_the_option_that_helps(ttc: Call, thinking_script: str) -> None:
    done = ttc("solve", SUM, "-m", thinking_script, "-b", "6")
    assert "ran into a token limit; --think-budget" in done.err


@pytest.mark.parametrize("method", ["short:m=2", "probe:every=1", "tie-break", "adaptive", "beam:m=2", "revise"])
def test_every_method_takes_what_thinks(ttc: Call, thinking_script: str, method: str) -> None:
    done = ttc("solve", SUM, "-m", thinking_script, "-b", "8", "--method", method, "--no-ask-again")
    assert (done.code, done.out) == (0, "5\n")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--think", "on"), "not known to think"),
        (("--think-budget", "64"), "not known to think"),
        (("--think-budget", "0"), "at least 1"),
        (("--reasoning-effort", "low"), "no reasoning_effort"),
        (("--template-arg", "x"), "no KEY=VALUE"),
        (("--template-arg", "x=1"), "no variable x"),
    ],
)
def test_what_a_model_does_not_have_is_an_error_of_one_line(
    ttc: Call, tiny_path: Callable[[str], Path], options: tuple[str, ...], complaint: str
) -> None:
    done = ttc("solve", SUM, "-m", str(tiny_path("llama")), *options)
    assert done.code == 2
    assert done.out == ""
    error, hint = done.err.strip().splitlines()
    assert error.startswith("error: ")
    assert complaint in error
    assert hint.startswith("hint: ")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--think-budget", "9"), "no room for a thought"),
        (("--think-budget", "9000"), "its thought up to 9000"),
        (("--think-message", "x" * 500, "--think-budget", "300"), "no room for a thought"),
    ],
)
def test_a_budget_that_cannot_be_is_an_error_of_one_line(
    ttc: Call, thinking_path: Callable[[str], Path], options: tuple[str, ...], complaint: str
) -> None:
    done = ttc("solve", SUM, "-m", str(thinking_path("llama")), "--threads", "1", *options)
    error, hint = done.err.strip().splitlines()[-2:]
    assert complaint in error
    assert hint.startswith("hint: --think-budget ")
    assert done.code in (1, 2)


def test_info_tells_of_thinking_and_a_toml_beside_the_file_knows_better(
    ttc: Call, thinking_path: Callable[[str], Path], clean: Path
) -> None:
    model = clean / "m.gguf"
    model.write_bytes(thinking_path("llama").read_bytes())
    facts = ttc("models", "info", str(model)).out
    assert "<think> ... </think>, begun in the prompt; switched by enable_thinking" in facts
    beside = model.with_suffix(".toml")
    beside.write_text("[thinking]\nnone = true\n")
    assert "thinking        none" in ttc("models", "info", str(model)).out
    assert "not known to think" in ttc("solve", SUM, "-m", str(model), "--think", "on").err
    beside.write_text('[thinking]\nopening = "[t]"\nclosing = "[/t]"\n')
    assert "[t] ... [/t], as the model begins it" in ttc("models", "info", str(model)).out
    beside.write_text('[thinking]\nopening = "[t]"\n')
    done = ttc("solve", SUM, "-m", str(model))
    assert done.err.startswith("error: ")
    assert "thinking.closing is missing" in done.err


def test_a_model_that_thinks_answers_and_can_be_kept_from_it(ttc: Call, thinking_path: Callable[[str], Path]) -> None:
    common = ("solve", SUM, "-m", str(thinking_path("qwen35")), "-b", "2", "--max-tokens", "12", "--threads", "1")
    loud = json.loads(ttc(*common, "--think-budget", "90", "--json", "--no-ask-again").out)
    assert all(each["thought_tokens"] for each in loud["candidates"])
    quiet = json.loads(ttc(*common, "--think", "off", "--json", "--no-ask-again").out)
    assert not any("thought" in each for each in quiet["candidates"])
    assert quiet["cost"]["policy_tokens"] <= 24
