"""`ttc calibrate`, `ttc profile`, and `--method auto` with what they leave: on scripts, streams and exit codes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from allocate.test_adviser import AGREEING
from allocate.test_profile import example
from patience import ctrl_c

from cli.calls import Call, Result
from ttcli.allocate.optimal import Choice
from ttcli.allocate.profile import Profile, profiles, write_profile
from ttcli.catalog.progress import NoProgress
from ttcli.errors import UsageError
from ttcli.runtime.profiles import find_profile
from ttcli.runtime.settings import Settings

PROBLEMS = 14


@pytest.fixture
def world(clean: Path) -> list[str]:
    """Problems of all difficulties, a script that solves them, and a calibration that takes no time."""
    rng = random.Random(1)
    script, rows = {}, []
    for number in range(PROBLEMS):
        question, rate = f"What is {number} + {number}?", number / (PROBLEMS - 1)
        lines = []
        for way in range(16):
            right = rng.random() < rate
            answer = 2 * number if right else rng.choice([101, 102, 103])
            score = min(1.0, max(0.0, (0.6 if right else 0.4) + rng.gauss(0, 0.2)))
            lines.append({"text": f"Way {way}.\n\nIt is \\boxed{{{answer}}}", "score": score})
        script[question] = lines
        rows.append({"id": f"p{number}", "problem": question, "answer": str(2 * number)})
    (clean / "script.json").write_text(json.dumps(script))
    (clean / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["calibrate", "dev.jsonl", "--model", "scripted:script.json", "--verifier", "scripted", "--budget", "4,8",
            "--method", "adaptive", "--method", "best-of-n", "--method", "beam", "--store", "s.sqlite3"]  # fmt: skip


def complaint(result: Result, code: int = 2) -> tuple[str, str]:
    assert (result.code, result.out) == (code, "")
    error, hint = result.err.splitlines()[-2:]
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    return error, hint


# -- calibrate


def test_a_calibration_keeps_a_profile_and_tells_what_it_chooses(here: Call, world: list[str]) -> None:
    result = here(*world, "-o", "mine", "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    told = json.loads(result.out)
    assert (told["version"], told["type"], told["name"], told["problems"]) == (1, "profile", "mine", PROBLEMS)
    (profile,) = profiles()
    assert told["path"].endswith("mine.toml")
    assert [choice["strategy"] for choice in told["choices"]] == [each.strategy for each in profile.choices]
    assert {each.budget for each in profile.choices} == {4.0, 8.0}
    assert told["calibration"]["reliability"]
    assert profile.made.data == "dev.jsonl"


def test_the_same_calibration_again_draws_nothing_and_comes_to_the_same(here: Call, world: list[str]) -> None:
    first = json.loads(here(*world, "--json", "-q").out)
    (kept,) = profiles()
    again = json.loads(here(*world, "--json", "-q").out)
    assert again == first
    (new,) = profiles()
    assert replace(new, made=kept.made) == kept
    listed = json.loads(here("runs", "list", "--json", "--store", "s.sqlite3").out)["runs"]
    assert [each["id"] for each in listed] == [first["run"]]


def test_the_table_says_what_is_chosen_for_each_bin_and_why(here: Call, world: list[str]) -> None:
    result = here(*world, "-q")
    assert "nothing is likely to be better" in result.out or "replaces majority" in result.out
    told = " ".join(result.out.split())
    for budget in (4, 8):
        assert f"at {budget}: " in told
    assert "points at most" in told or "at most, luck included" in told
    assert told.count("So allocation ") + told.count("So it is not known whether allocation pays") == 2
    assert "Brier score" in result.out
    assert result.out.splitlines()[-1].endswith("profiles/scripted-script.json-dev.toml")
    shown = here("profile", "show", "scripted-script.json-dev")
    assert shown.out.splitlines()[0] == "profile  scripted-script.json-dev"


def test_repair_is_tried_on_samples_that_state_a_false_equation_and_auto_goes_by_it(
    here: Call, world: list[str], clean: Path
) -> None:
    script = json.loads((clean / "script.json").read_text())
    for number, lines in enumerate(script.values()):  # half say what is false, and are right when it is mended
        for line in lines[::2]:
            line["text"] = f"First {number} + {number} = {2 * number + 1}.\n\nSo it is \\boxed{{{2 * number + 1}}}"
        ending = f"First {number} + {number} = {2 * number}.\n\nSo it is \\boxed{{{2 * number}}}"
        lines[0] = {"text": ending, "score": 0.5}
    (clean / "script.json").write_text(json.dumps(script))
    first = here(*world, "--json")
    assert first.code == 0, first.err
    found = json.loads(first.out)["repair"]
    assert 10 < found["solutions"] <= 64
    assert (found["before"], found["after"], found["helps"]) == (0, found["solutions"], True)
    assert found["measured"].startswith("ttc")
    assert f"repair tried on {found['solutions']} of {found['solutions']} solutions" in first.err
    again = here(*world, "--json")
    assert json.loads(again.out)["repair"] == found
    assert "repair tried" not in again.err  # what is known is not tried again
    told = " ".join(here(*world, "--quiet").out.split())
    assert "--repair auto is on for this model" in told
    on = json.loads(here("solve", "What is 3 + 3?", "--model", "scripted:script.json", "--json").out)
    assert on["repair"].startswith(f"arithmetic (of {found['solutions']} solutions")
    mended = json.loads(here(*world, "--json", "--repair", "arithmetic").out)
    assert (mended["repair"], mended["repair_reason"]) == (None, "the samples are drawn with --repair arithmetic")


def test_ctrl_c_says_how_to_go_on(clean: Path, world: list[str]) -> None:
    slow = Path("slow.py")
    slow.write_text(
        "import time, sys\nfrom ttcli.policy import scripted\n"
        "before = scripted.ScriptedPolicy.extend\n"
        "def extend(self, *a, **k):\n    self._between = lambda: time.sleep(0.02)\n    return before(self, *a, **k)\n"
        "scripted.ScriptedPolicy.extend = extend\nfrom ttcli.cli.main import main\nmain()\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(slow), *world], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=clean
    )
    assert process.stderr is not None
    process.stderr.readline()  # a problem is done
    time.sleep(0.1)
    code, out, err, _ = ctrl_c(process)
    assert (code, out) == (130, "")
    assert "go on with: ttc calibrate dev.jsonl" in err
    assert not profiles()


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        (["--limit", "5"], "there are 5 problems, and a profile takes at least 10"),
        (["-o", "a/b"], "a profile cannot be called 'a/b'"),
        (["-o", "none"], "a profile cannot be called 'none'"),
        (["--budget", "4"], "difficulty is told from 4 samples"),
        (["--budget", "16/problem"], "a profile is made for budgets in generations"),
        (["--method", "greedy"], "greedy has no budget to suit"),
    ],
)
def test_a_calibration_that_makes_no_sense_is_refused(
    here: Call, world: list[str], extra: list[str], error: str
) -> None:
    assert error in complaint(here(*world, "-q", *extra))[0]
    assert not profiles()


# -- profiles


def test_profiles_are_listed_shown_and_put_to_use(here: Call, world: list[str]) -> None:
    assert here("profile", "list").err == "no profiles yet; ttc calibrate DEV.jsonl makes one\n"
    here(*world, "-q", "-o", "one")
    here(*world, "-q", "-o", "two")
    assert here("profile", "use", "one").err == "scripted goes by one from now on\n"
    told = json.loads(here("profile", "list", "--json").out)["profiles"]
    assert [(each["name"], each["in_use"]) for each in told] == [("one", True), ("two", False)]
    assert "in use" in here("profile", "list").out
    assert json.loads(here("profile", "show", "two", "--json").out)["name"] == "two"
    assert complaint(here("profile", "show", "three")) == (
        "error: there is no profile 'three'",
        "hint: one of one, two",
    )


# -- auto


def profile_for(clean: Path, **changes: Any) -> Profile:
    """A profile for the script: majority where samples agree, beam search where they do not."""
    import hashlib

    weights = hashlib.sha256((clean / "script.json").read_bytes()).hexdigest()
    own = {"difficulty": AGREEING, "model": "scripted", "model_hash": weights, "verifier": "scripted"}
    profile = example(**{**own, "verifier_hash": f"scripted:{weights}", **changes})
    write_profile(profile)
    return profile


def lines_of(result: Result) -> list[str]:
    assert result.code in (0, 1), result.err
    return [line for line in result.err.splitlines() if line.startswith("difficulty ")]


def test_solve_goes_by_a_profile_that_fits_and_says_what_it_chose(here: Call, world: list[str], clean: Path) -> None:
    profile_for(clean)
    hard = here("solve", "What is 1 + 1?", "-m", "scripted:script.json", "--budget", "16", "--show", "lines")
    (line,) = lines_of(hard)
    assert "difficulty 2 of 2" in line
    assert "beam:m=sqrt, 75 % expected, +10.0 points over majority" in line
    easy = here("solve", "What is 13 + 13?", "-m", "scripted:script.json", "--json", "-q", "--budget", "8")
    told = json.loads(easy.out)
    assert (told["method"], told["verifier"], told["chose"]["method"]) == ("auto", "scripted", "majority")
    assert told["cost"]["generations"] == 8
    (clean / "solved.json").write_text(easy.out)
    assert "difficulty 1 of 2" in here("show", "solved.json").out


def test_without_a_profile_it_is_adaptive_and_who_asked_for_it_is_told_once(
    here: Call, world: list[str], clean: Path
) -> None:
    plain = ["solve", "What is 1 + 1?", "-m", "scripted:script.json", "--json"]
    adaptive = json.loads(here(*plain, "-q", "--method", "adaptive").out)
    result = here(*plain, "--method", "auto", "--show", "none")
    assert (
        result.err
        == "hint: no profile fits, so majority until its vote is settled; ttc calibrate DEV.jsonl makes one\n"
    )
    told = json.loads(result.out)
    assert told["chose"] is None
    assert [each["text"] for each in told["candidates"]] == [each["text"] for each in adaptive["candidates"]]
    assert here(*plain, "--show", "none").err == ""  # nobody asked, and nobody sits there
    profile_for(clean)
    without = [*plain, "--method", "auto", "-q", "--profile", "none"]
    assert json.loads(here(*without).out)["chose"] is None
    assert complaint(here(*without, "--verifier", "scripted")) == (
        "error: auto without a profile scores nothing, so it has no use for scripted",
        "hint: leave out --verifier, or --method best-of-n",
    )


def test_the_profile_in_use_goes_before_the_latest(here: Call, world: list[str], clean: Path) -> None:
    older = profile_for(clean, name="older")
    profile_for(clean, name="newer", made=replace(older.made, when="2026-01-01T00:00:00Z"))
    settings = Settings("scripted:script.json")

    def found(wanted: str | None = None) -> str:
        profile = find_profile(settings, wanted, Silent())
        return profile.name if profile else ""

    assert found() == "newer"
    here("profile", "use", "older")
    assert found() == "older"
    assert found("newer") == "newer"
    assert found("none") == ""


def test_a_profile_for_another_verifier_does_not_fit(here: Call, world: list[str], clean: Path) -> None:
    profile_for(clean, verifier_hash="another script")
    settings = Settings("scripted:script.json")
    assert find_profile(settings, None, Silent()) is None
    with pytest.raises(UsageError, match="made with scripted, which is another one now"):
        find_profile(settings, "dev", Silent())
    named = replace(settings, method_name="auto", verifier_name="confidence")
    with pytest.raises(UsageError, match="no profile for this model was made with the verifier confidence"):
        find_profile(named, None, Silent())
    with pytest.raises(UsageError, match="the profile dev was made with scripted, not with confidence"):
        find_profile(named, "dev", Silent())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"temperature": 0.3}, "the profile dev was made at temperature 0.3, not at 0.8"),
        ({"reviser": "ab12"}, "the profile dev was made with another reviser"),
    ],
)
def test_a_profile_of_other_samples_does_not_fit(
    here: Call, world: list[str], clean: Path, changes: dict[str, Any], error: str
) -> None:
    profile_for(clean, **changes)
    settings = Settings("scripted:script.json")
    assert find_profile(settings, None, Silent()) is None
    with pytest.raises(UsageError, match=error):
        find_profile(settings, "dev", Silent())


@pytest.mark.parametrize(
    ("profile", "error"),
    [
        ("nobody", "there is no profile 'nobody'"),
        ("dev", "the profile dev was made for qwen, not for scripted:script.json"),
    ],
)
def test_a_profile_that_is_not_there_or_for_another_model_is_refused(
    here: Call, world: list[str], clean: Path, profile: str, error: str
) -> None:
    write_profile(example())
    arguments = ["solve", "What is 1 + 1?", "-m", "scripted:script.json", "--method", "auto", "-q"]
    assert error in complaint(here(*arguments, "--profile", profile))[0]


def bench(here: Call, *extra: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    arguments = ["bench", "dev.jsonl", "-m", "scripted:script.json", "--store", "s.sqlite3", "--json", "-q"]
    result = here(*arguments, *extra)
    assert (result.code, result.err) == (0, "")
    *problems, summary = map(json.loads, result.out.splitlines())
    return problems, summary


def test_a_bench_keeps_what_auto_chose(here: Call, world: list[str], clean: Path) -> None:
    profile = profile_for(clean)
    problems, summary = bench(here, "--method", "auto", "--method", "majority", "--budget", "16")
    assert all(each["results"]["auto[scripted]@16"]["generations"] == 16 for each in problems)
    assert {each["method"] for each in summary["chosen"]} == {"majority", "beam:m=sqrt"}
    assert sum(each["problems"] for each in summary["chosen"]) == PROBLEMS
    tables = here("runs", "show", "--store", "s.sqlite3").out
    assert "auto[scripted]@16 chose " in tables
    shown = here("show", "last", "--problem", "2", "--method", "auto", "--store", "s.sqlite3")
    assert "difficulty 2 of 2" in shown.out
    assert bench(here, "--method", "auto", "--method", "majority", "--budget", "16")[1]["run"] == summary["run"]
    choices: tuple[Choice, ...] = tuple(replace(each, strategy="majority") for each in profile.choices)
    profile_for(clean, choices=choices)
    other = bench(here, "--method", "auto", "--method", "majority", "--budget", "16")[1]
    assert other["run"] != summary["run"]  # another profile, another run
    assert {each["method"] for each in other["chosen"]} == {"majority"}


def test_a_bench_divides_an_average_budget(here: Call, world: list[str]) -> None:
    problems, summary = bench(here, "--method", "majority", "--method", "best-of-n", "--budget", "8/problem")
    drawn = [each["results"]["majority@8/problem"]["generations"] for each in problems]
    assert min(drawn) == 4
    assert max(drawn) > 8
    assert sum(drawn) <= 8 * PROBLEMS
    (line,) = [each for each in summary["lines"] if each["method"] == "majority, shared"]
    assert line["generations"] == pytest.approx(sum(drawn) / PROBLEMS)
    assert "samples a problem of 8 allowed" in here("runs", "show", "--store", "s.sqlite3").out
    fixed = bench(here, "--method", "majority", "--budget", "8/problem", "--fixed")[0]
    assert {each["results"]["majority@8"]["generations"] for each in fixed} == {8}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--method", "beam", "--budget", "8/problem"], "beam has 8/problem for each problem alone"),
        (["--method", "auto", "--budget", "8/problem"], "auto has 8/problem for each problem alone"),
        (["--budget", "30s/problem"], "only generations are shared by problems"),
    ],
)
def test_an_average_for_what_cannot_share_is_refused(
    here: Call, world: list[str], arguments: list[str], error: str
) -> None:
    result = here("bench", "dev.jsonl", "-m", "scripted:script.json", "--store", "s.sqlite3", "-q", *arguments)
    assert error in complaint(result)[0]


class Silent(NoProgress):
    def start(self, name: str, source: str, total_bytes: int, done_bytes: int) -> None:
        raise AssertionError("nothing is to be fetched")
