"""Prompts, forms of answers, named columns and JUnit XML from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from cli.calls import Call

PROBLEM = "What is 2 + 2?"


def test_prompts_are_listed_and_shown_and_can_be_used(here: Call, script: str) -> None:
    assert here("prompts", "list").out.splitlines()[1].startswith("math    auto")
    names = [each["name"] for each in json.loads(here("prompts", "list", "--json").out)["prompts"]]
    for name in names:
        Path("mine.toml").write_text(here("prompts", "show", name).out)
        assert here("prompts", "show", "mine.toml").code == 0
    assert here("solve", PROBLEM, "-m", script, "-q", "--prompt", "mine.toml", "--system", "Be brief.").code == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--prompt", "nowhere.toml"], "No such file"),
        (["--prompt", "bad.j2"], "never mentions the problem"),
        (["--answer", "rhyme"], "no form of an answer"),
        (["--answer", "regex:("], "has no pattern in it"),
    ],
)
def test_what_cannot_be_used_is_an_error_before_any_model(here: Call, options: list[str], says: str) -> None:
    Path("bad.j2").write_text("hello")
    result = here("solve", PROBLEM, "-m", "scripted:nowhere.json", *options)
    assert (result.code, result.out, says in result.err) == (2, "", True)
    assert "hint: " in result.err


def test_a_form_decides_what_counts_as_an_answer(here: Call, script: str) -> None:
    assert here("solve", PROBLEM, "-m", script, "-q", "--answer", r"regex:boxed.(\d)").out == "4\n"
    assert here("solve", PROBLEM, "-m", script, "-q", "--answer", "none", "--verifier", "scripted").out.startswith(
        "Two"
    )


def test_a_pattern_that_takes_for_ever_is_an_error_with_a_hint(here: Call) -> None:
    script = {"": [{"text": "a" * 40 + "!"}]}
    Path("slow.json").write_text(json.dumps(script))
    result = here("solve", PROBLEM, "-m", "scripted:slow.json", "-q", "--answer", "regex:(a+)+$")
    assert (result.code, result.out) == (2, "")
    assert "takes longer than 2 s" in result.err
    assert "hint: " in result.err
    assert "Traceback" not in result.err


def test_a_directory_sets_no_pattern_and_no_file_of_a_prompt(here: Call, script: str) -> None:
    for line in ('answer = "regex:(a+)+$"', 'prompt = "mine.toml"'):
        Path("ttc.toml").write_text(line)
        result = here("solve", PROBLEM, "-m", script, "-q")
        assert (result.code, "not from a file of the working directory" in result.err) == (2, True)
    Path("ttc.toml").write_text('answer = "boxed"\nprompt = "math"\nsystem = "Be brief."')
    assert here("solve", PROBLEM, "-m", script, "-q") == (0, "4\n", "")


def test_a_bench_names_columns_and_writes_a_test_per_problem(here: Call, script: str) -> None:
    Path("sums.csv").write_text(f"q,target\n{PROBLEM},4\nAnd 2 + 3?,7\n")
    bench = (
        "bench",
        "sums.csv",
        "-m",
        script,
        "--method",
        "majority",
        "-b",
        "8",
        "-q",
        "--map",
        "problem=q,answer=target",
    )
    assert here(*bench, "--junit", "out.xml", "--fail-under", "0.9").code == 3
    suites = Xml.parse("out.xml").getroot()
    told = [(suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("errors")) for suite in suites]
    assert told == [("majority@8", "2", "1", "0"), ("accuracy", "1", "1", "0")]
    cases = suites[0].findall("testcase")
    assert [case.find("failure") is None for case in cases] == [True, False]
    assert str(cases[1].find("failure").get("message")) == "4, not 7"  # type: ignore[union-attr]
    assert here(*bench, "--junit", "out.txt").code == 2
    assert here(*bench[:-1], "problem=nope,answer=target").code == 2


def test_a_larger_budget_goes_on_from_what_was_drawn(here: Call, script: str) -> None:
    Path("sums.csv").write_text(f"problem,answer\n{PROBLEM},4\n")
    drawn = []
    for budget in ("4", "8", "8"):
        told = here("bench", "sums.csv", "-m", script, "--method", "majority", "-b", budget, "-q", "--json").out
        drawn.append(json.loads(told.splitlines()[-1])["samples"])
    assert drawn == [4, 8, 8]
    forecast = here("bench", "sums.csv", "-m", script, "--method", "majority", "-b", "12", "--dry-run", "--json").out
    assert json.loads(forecast)["samples"] == 4
