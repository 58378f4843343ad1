"""`ttc solve` where the answer is a text or code, what it says of a weak one, and what it keeps."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cli.calls import Call, write_script

HAIKU = "Red leaves fall slowly\n\tonto the pond\x1b[2J.\n"
CODE = "def f(a):\n\treturn a + 1"
SUM = "What is 2 + 2?"


def answered(number: int, answer: str, silent: int = 0) -> list[Any]:
    return [{"text": f"\\boxed{{{answer}}}"}] * number + [{"text": "and so on", "length": True}] * silent


def test_a_text_is_printed_whole_as_it_was_written(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", [{"text": HAIKU}])
    result = here("solve", "Write a haiku.", "-m", model, "-q")
    assert (result.code, result.out) == (0, "Red leaves fall slowly\n\tonto the pond\ufffd[2J.\n")
    told = json.loads(here("solve", "Write a haiku.", "-m", model, "-q", "--json").out)
    assert (told["answer"], told["answer_kind"]) == (HAIKU.strip(), "text")
    assert told["candidates"][0]["kind"] == "text"


def test_code_is_printed_without_what_is_said_around_it(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", [{"text": f"Like so:\n```python\n{CODE}\n```\nGood luck!"}])
    result = here("solve", "Write a Python function f.", "-m", model, "-q")
    assert (result.code, result.out) == (0, f"{CODE}\n")
    told = json.loads(here("solve", "How?", "-m", model, "-q", "--json", "--answer", "code").out)
    assert (told["answer"], told["answer_kind"]) == (CODE, "code")


@pytest.mark.parametrize(
    ("problem", "text", "kind"),
    [
        (SUM, "\\boxed{4}", "number"),
        ("Which?\nA) red\nB) blue", "It is B.", "choice"),
        ("What is the capital of Australia?", "Canberra.", "text"),
    ],
)
def test_the_record_tells_the_kind_of_a_short_answer(
    here: Call, clean: Path, problem: str, text: str, kind: str
) -> None:
    model = write_script(clean / "s.json", [{"text": text}])
    told = json.loads(here("solve", problem, "-m", model, "-q", "--json").out)
    assert told["answer_kind"] == kind
    assert "kind" not in told["candidates"][0]


def test_texts_that_all_were_cut_are_no_answer(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", [{"text": HAIKU, "length": True}, {"text": "<think>hm", "length": True}])
    result = here("solve", "Write a haiku.", "-m", model, "-b", "8", "--show", "none", "--max-tokens", "64")
    assert (result.code, result.out) == (1, "")
    error, hint = result.err.splitlines()
    assert error.startswith("error: no answer from 8 candidates: ")
    assert " cut at 64 tokens" in error
    assert " cut in the middle of a thought" in error
    assert hint.startswith("hint: --think-budget ")  # most of them


def test_a_text_is_no_boxed_answer_and_the_hint_says_how_to_have_it(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", [{"text": "Canberra."}])
    result = here("solve", "Which city?", "-m", model, "-b", "2", "-q", "--answer", "boxed")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "error: no answer from 2 candidates: 2 ended without one\n"
        "hint: --answer text takes the text itself, or another --model\n"
    )


def test_the_solution_goes_above_the_answer_or_in_its_place(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", [{"text": "Two and two.\n\nIt is \\boxed{4}."}])
    shown = here("solve", SUM, "-m", model, "-q", "--show-solution")
    assert (shown.out, shown.err) == ("4\n", "Two and two.\n\nIt is \\boxed{4}.\n")
    instead = here("solve", SUM, "-m", model, "-q", "--output", "solution", "--show-solution")
    assert (instead.out, instead.err) == ("Two and two.\n\nIt is \\boxed{4}.\n", "")


def test_a_weak_win_says_so(here: Call, clean: Path) -> None:
    lines = [line for answer in "4567" for line in answered(1, answer)]
    model = write_script(clean / "s.json", lines)
    arguments = ("solve", SUM, "-m", model, "--method", "majority", "-b", "16", "--show", "none")
    result = here(*arguments)
    assert result.code == 0
    assert result.err.splitlines()[-1].endswith(" of 16 candidates agree: weak; a larger --budget tells more")
    *_, cost, doubt = here(*arguments[:-1], "lines").err.splitlines()
    assert " of 16 candidates agree; " in cost
    assert doubt == "weak; a larger --budget tells more"
    told = json.loads(here(*arguments, "--json", "-q").out)
    assert 0 < told["confidence"] < 1
    assert here(*arguments, "-q").err == ""


def test_a_strong_win_says_nothing_more(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", answered(1, "4"))
    result = here("solve", SUM, "-m", model, "--show", "none", "--json")
    assert result.err == ""
    assert json.loads(result.out)["confidence"] > 0.95


def test_a_check_that_nothing_passed_makes_a_weak_win_and_one_that_was_passed_none(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", answered(1, "4"))
    arguments = ("solve", SUM, "-m", model, "-b", "4", "--show", "none", "--verifier")
    assert here(*arguments, "command:false").err == "the check passed none of 4 candidates: weak\n"
    assert here(*arguments, "command:true").err == ""


def test_most_candidates_without_an_answer_are_explained(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", answered(1, "4", silent=6))
    result = here("solve", SUM, "-m", model, "-b", "16", "--method", "majority", "--show", "none")
    assert result.out == "4\n"
    line = result.err.splitlines()[0]
    assert " of 16 candidates have no answer: " in line
    assert line.endswith(" cut at 1,024 tokens; --max-tokens 2048")


def test_texts_no_two_of_which_are_alike_are_told_as_such(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", [{"text": f"Leaf {number}"} for number in range(99)])
    result = here("solve", "Write a haiku.", "-m", model, "-b", "3", "--show", "none", "--method", "majority")
    assert result.out.startswith("Leaf ")
    assert result.err == "no two of 3 candidates are alike: this is the one that the model was surest of\n"


def test_the_last_solve_is_shown_and_listed(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", answered(1, "4"))
    for number in range(2):
        assert here("solve", f"What is {number} + 4?", "-m", model, "-q").code == 0
    assert "What is 1 + 4?" in here("show", "last").out
    listed = json.loads(here("runs", "list", "--solves", "--json").out)["solves"]
    assert [each["problem"] for each in listed] == ["What is 0 + 4?", "What is 1 + 4?"]
    assert [(each["model"], each["method"], each["answer"]) for each in listed] == [("scripted", "auto", "4")] * 2
    assert "What is 0 + 4?" in here("show", listed[0]["id"]).out
    table = here("runs", "list", "--solves").out
    assert all(each["id"] in table for each in listed)
    assert here("show", listed[0]["id"][:6], "--dot").out.startswith("digraph")


def test_the_latest_of_a_solve_and_a_bench_is_the_last(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", answered(1, "4"))
    (clean / "data.jsonl").write_text('{"problem": "What is 1 + 3?", "answer": "4"}\n', encoding="utf-8")
    assert here("solve", SUM, "-m", model, "-q").code == 0
    assert here("bench", "data.jsonl", "-m", model, "-b", "2", "-q").code == 0
    assert "What is 1 + 3?" in here("show", "last", "--problem", "1", "--method", "majority").out
    assert here("solve", SUM, "-m", model, "-q").code == 0
    assert SUM in here("show", "last").out
    assert "What is 1 + 3?" in here("show", "last", "--problem", "1", "--method", "majority").out


@pytest.mark.parametrize("how", ["flag", "variable", "file"])
def test_what_is_not_to_be_kept_is_not(here: Call, clean: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_script(clean / "s.json", answered(1, "4"))
    if how == "variable":
        monkeypatch.setenv("TTC_LOG", "0")
    elif how == "file":
        (clean / "ttc.toml").write_text("[solve]\nlog = false\n", encoding="utf-8")
    assert here("solve", SUM, "-m", model, "-q", *(["--no-log"] if how == "flag" else [])).code == 0
    result = here("runs", "list", "--solves")
    assert (result.code, result.out, result.err) == (0, "", "none kept yet; ttc solve keeps its last ones\n")
    assert here("show", "last").code != 0


def test_a_home_that_cannot_be_written_is_one_line_and_the_answer_comes(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", answered(1, "4"))
    (clean / "home").write_text("no folder", encoding="utf-8")
    arguments = ("solve", SUM, "-m", model, "--show", "none")
    result = here(*arguments)
    assert (result.code, result.out) == (0, "4\n")
    assert result.err.startswith("not kept for ttc show: ")
    assert result.err.count("\n") == 1
    assert here(*arguments, "-q") == (0, "4\n", "")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no such owner here")
def test_what_is_kept_is_for_its_owner_alone(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", answered(1, "4"))
    assert here("solve", SUM, "-m", model, "-q").code == 0
    assert (clean / "home" / "solves").stat().st_mode & 0o077 == 0


def test_a_file_that_is_broken_is_left_out_of_the_list_and_an_error_to_show(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", answered(1, "4"))
    assert here("solve", SUM, "-m", model, "-q").code == 0
    (clean / "home" / "solves" / "9999999999999-0badbad0.json").write_text("{", encoding="utf-8")
    result = here("runs", "list", "--solves")
    assert SUM in result.out
    assert result.err.startswith("0badbad0 left out: ")
    result = here("show", "0badbad0")
    assert result.code == 2
    assert result.err.splitlines()[1].startswith("hint: delete ")


def test_digits_that_several_ids_begin_with_are_not_enough(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", answered(1, "4"))
    assert here("solve", SUM, "-m", model, "-q").code == 0
    (kept,) = (clean / "home" / "solves").iterdir()
    for digits in ("aa", "ab"):
        kept.with_name(f"1000000000000-{digits}000000.json").write_bytes(kept.read_bytes())
    kept.unlink()
    result = here("show", "a")
    assert (result.code, result.err) == (
        2,
        "error: a may be each of aa000000, ab000000\nhint: more digits of it\n",
    )


def test_those_without_an_answer_name_it_when_asked_again_unless_told_otherwise(here: Call, clean: Path) -> None:
    model = write_script(clean / "s.json", [{"text": "So it is four.", "again": "4}"}])
    result = here("solve", SUM, "-m", model, "-b", "4", "--method", "majority")
    assert (result.code, result.out) == (0, "4\n")
    assert "candidate 1: no answer (4 tokens)" in result.err
    assert "candidate 1: 4 (5 tokens, asked again)" in result.err
    assert result.err.splitlines()[-2] == "votes: 4 x 4"
    told = json.loads(here("solve", SUM, "-m", model, "-b", "4", "-q", "--json").out)
    assert all(each["asked_again"] for each in told["candidates"])
    left = json.loads(here("solve", SUM, "-m", model, "-b", "4", "-q", "--json", "--no-ask-again").out)
    assert (left["answer"], left["answer_kind"]) == ("So it is four.", "text")
    assert not any("asked_again" in each for each in left["candidates"])
