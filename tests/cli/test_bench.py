"""`ttc bench`, `ttc runs` and `ttc compare` on scripts: streams, exit codes, JSON, and what goes wrong."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from patience import HANG, ctrl_c

from cli.calls import Call, Result, write_script
from ttcli.errors import BackendError, StoreError, TtcError

PROBLEMS = 12
SHAPES = Path(__file__).parents[1] / "data" / "shapes"


def row(number: int, **fields: Any) -> dict[str, object]:
    return {"id": f"p{number}", "problem": f"What is {number} + {number}?", "answer": str(4 + number % 3), **fields}


def write_data(path: Path, *rows: Mapping[str, object] | str) -> str:
    lines = [each if isinstance(each, str) else json.dumps(each) for each in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path.name


@pytest.fixture
def data(clean: Path) -> str:
    return write_data(clean / "data.jsonl", *(row(number) for number in range(1, PROBLEMS + 1)))


@pytest.fixture
def arguments(data: str, script: str) -> list[str]:
    """A bench that takes no time: 12 problems, 4 solutions of each, a third of the references right."""
    return ["bench", data, "--model", script, "--budget", "4", "--store", "s.sqlite3"]


def objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.out.splitlines()]


def samples(store: str = "s.sqlite3") -> list[tuple[Any, ...]]:
    """All samples of a store with all they have."""
    connection = sqlite3.connect(store)
    try:
        return connection.execute("SELECT * FROM sample ORDER BY id").fetchall()
    finally:
        connection.close()


def runs(here: Call, store: str = "s.sqlite3") -> list[dict[str, Any]]:
    return json.loads(here("runs", "list", "--json", "--store", store).out)["runs"]  # type: ignore[no-any-return]


def complaint(result: Result, code: int) -> tuple[str, str]:
    """The one error and the one hint of a command that said nothing else."""
    assert result.code == code
    assert result.out == ""
    error, hint = result.err.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    return error, hint


# -- what it prints


def test_json_is_a_line_per_problem_and_then_the_summary(ttc: Call, arguments: list[str]) -> None:
    result = ttc(*arguments, "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    *problems, summary = objects(result)
    assert sorted(each["position"] for each in problems) == list(range(PROBLEMS))
    assert {each["type"] for each in problems} == {"problem"}
    assert all(each["version"] == 1 and each["samples"] == 4 for each in problems)
    assert all(set(each["results"]) == {"majority@4", "best-of-n[confidence]@4"} for each in problems)
    assert (summary["type"], summary["version"]) == ("summary", 1)
    assert (summary["problems"], summary["done"], summary["failed"], summary["samples"]) == (12, 12, 0, 48)
    right = sum(each["results"]["majority@4"]["accuracy"] for each in problems)
    assert summary["accuracy"] == pytest.approx(right / PROBLEMS)
    assert summary["interval"][0] < summary["accuracy"] < summary["interval"][1]
    assert summary["method"] == "majority@4"


def test_a_line_per_problem_goes_to_stderr_as_it_is_done(ttc: Call, arguments: list[str]) -> None:
    result = ttc(*arguments, "--json")
    *lines, cut = result.err.splitlines()
    assert cut.startswith("15 % of the samples ran into the token limit")
    assert len(lines) == PROBLEMS
    assert [line.split()[0] for line in lines] == [f"{number}/12" for number in range(1, PROBLEMS + 1)]
    assert lines[-1].endswith(" of 12 problems")


def test_tables_go_to_stdout_and_nothing_else_does(ttc: Call, arguments: list[str]) -> None:
    result = ttc(*arguments, "--quiet")
    assert (result.code, result.err) == (0, "")
    assert "majority" in result.out
    assert "best-of-n[confidence]" in result.out
    assert "\x1b" not in result.out


def test_the_same_command_again_tells_the_same_and_draws_nothing(ttc: Call, arguments: list[str]) -> None:
    first = ttc(*arguments, "--json")
    before = samples()
    again = ttc(*arguments, "--json")
    assert sorted(again.out.splitlines()) == sorted(first.out.splitlines())
    assert (again.code, again.err) == (0, first.err.splitlines(keepends=True)[-1])  # what is said of all samples
    assert samples() == before


def test_a_larger_budget_draws_only_what_is_missing(here: Call, arguments: list[str]) -> None:
    here(*arguments)
    before = samples()
    here(*arguments, "--budget", "6")
    after = samples()
    assert after[: len(before)] == before
    assert len(after) == PROBLEMS * 6


def test_a_run_shows_the_same_summary_later_from_the_store_alone(here: Call, arguments: list[str], clean: Path) -> None:
    summary = objects(here(*arguments, "--json"))[-1]
    (clean / "data.jsonl").unlink()
    (clean / "script.json").unlink()
    shown = here("runs", "show", "--json", "--store", "s.sqlite3")
    assert objects(shown) == [summary]
    assert here("runs", "show", summary["run"][:4], "--json", "--store", "s.sqlite3").out == shown.out
    tables = here("runs", "show", "last", "--store", "s.sqlite3")
    assert (tables.code, tables.err) == (0, "")
    assert "majority" in tables.out


def test_another_baseline_is_compared_with_from_then_on(here: Call, arguments: list[str]) -> None:
    first = objects(here(*arguments, "--json"))[-1]
    again = objects(here(*arguments, "--json", "--baseline", "best-of-n"))[-1]
    assert (first["baseline"], again["baseline"]) == ("majority", "best-of-n[confidence]")
    assert again["run"] == first["run"]
    assert objects(here("runs", "show", "--json", "--store", "s.sqlite3"))[-1] == again


@pytest.mark.parametrize(("limit", "code"), [("0", 0), ("0.2", 0), ("0.9", 3), ("1", 3)])
def test_fail_under_ends_with_three(here: Call, arguments: list[str], limit: str, code: int) -> None:
    result = here(*arguments, "--json", "--fail-under", limit)
    assert result.code == code
    assert objects(result)[-1]["accuracy"] == pytest.approx(0.33, abs=0.13)


def test_pictures_and_pages_are_written(here: Call, arguments: list[str], clean: Path) -> None:
    result = here(*arguments, "--json", "--plot", "p.svg", "--report", "r.html")
    assert result.code == 0
    assert "<svg" in (clean / "p.svg").read_text(encoding="utf-8")
    assert "</html>" in (clean / "r.html").read_text(encoding="utf-8")


# -- where problems come from


def test_limit_takes_the_first_and_sample_draws_by_the_seed(here: Call, arguments: list[str]) -> None:
    def ids(*more: str) -> list[str]:
        *problems, _ = objects(here(*arguments, "--json", *more))
        return [each["id"] for each in sorted(problems, key=lambda each: each["position"])]

    assert ids("--limit", "3") == ["p1", "p2", "p3"]
    five = ids("--sample", "5")
    assert len(set(five)) == 5
    assert set(ids("--sample", "3")) < set(five)
    assert ids("--sample", "5") == five != ids("--sample", "5", "--seed", "7")
    assert set(ids("--limit", "6", "--sample", "4")) < {f"p{number}" for number in range(1, 7)}


def test_data_may_be_gzipped_or_come_from_stdin(ttc: Call, arguments: list[str], data: str, clean: Path) -> None:
    content = (clean / data).read_bytes()
    (clean / "data.jsonl.gz").write_bytes(gzip.compress(content))
    plain = objects(ttc(*arguments, "--json", "-q"))[-1]
    rest = arguments[2:]
    zipped = objects(ttc("bench", "data.jsonl.gz", *rest, "--json", "-q"))[-1]
    piped = objects(ttc("bench", "-", *rest, "--json", "-q", stdin=content))[-1]
    assert plain["run"] == zipped["run"] == piped["run"]
    assert len(samples()) == PROBLEMS * 4


def test_bad_rows_are_left_out_by_request_and_named(ttc: Call, arguments: list[str], clean: Path) -> None:
    write_data(clean / "data.jsonl", row(1), "{", row(2), row(1), {"problem": "Why?"}, row(3))
    result = ttc(*arguments, "--json", "--skip-bad", "--quiet")
    assert (result.code, objects(result)[-1]["problems"]) == (0, 3)
    assert [line.split(": ")[0] for line in result.err.splitlines()] == [
        f"line {number} left out" for number in (2, 4, 5)
    ]


def test_options_become_letters_and_are_graded_as_such(here: Call, arguments: list[str], clean: Path) -> None:
    arguments[1] = str(SHAPES / "mmlu.jsonl")
    write_script(clean / "script.json", [{"text": "It is \\boxed{C}."}] * 3 + [{"text": "The answer is Mercury."}])
    *problems, summary = objects(here(*arguments, "--json", "--quiet"))
    problems.sort(key=lambda each: each["position"])
    assert [each["reference"] for each in problems] == ["C", "A", "C"]
    assert [each["results"]["majority@4"]["accuracy"] for each in problems] == [1, 0, 1]
    assert summary["accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("path", sorted(SHAPES.iterdir()), ids=lambda path: path.name)
def test_a_data_set_of_any_shape_is_benched(here: Call, arguments: list[str], path: Path) -> None:
    arguments[1] = str(path)
    result = here(*arguments, "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    assert objects(result)[-1]["problems"] >= 2


def test_what_looks_like_part_of_a_question_and_is_not_used_is_told_once(
    here: Call, arguments: list[str], clean: Path
) -> None:
    write_data(
        clean / "data.jsonl", *(row(number, hint=f"Add {number}.", Image=f"{number}.png") for number in (1, 2, 3))
    )
    result = here(*arguments, "--quiet")
    assert result.code == 0
    assert result.err == "warning: data.jsonl: not used, though it looks like part of the question: `hint`, `Image`\n"


def test_a_limit_needs_no_end_of_its_input(clean: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as producer:  # stays open: an end never comes
        producer.write("".join(f"{json.dumps(row(number))}\n" for number in (1, 2, 3)).encode())
        command = [sys.executable, "-m", "ttcli", "bench", "-", *arguments[2:], "--limit", "3", "--json", "--quiet"]
        with os.fdopen(reading, "rb") as stdin:
            done = subprocess.run(command, stdin=stdin, capture_output=True, timeout=HANG, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout.splitlines()[-1])["problems"] == 3


def test_the_store_is_where_the_variable_says_or_at_home(
    here: Call, arguments: list[str], clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = arguments[: arguments.index("--store")]
    with monkeypatch.context() as patch:
        patch.setenv("TTC_STORE", str(clean / "sub" / "v.sqlite3"))
        run = objects(here(*arguments, "--json"))[-1]["run"]
        assert (clean / "sub" / "v.sqlite3").is_file()
        assert objects(here("runs", "show", "--json"))[-1]["run"] == run
        assert not (clean / "home").exists()
    here(*arguments, "--json", "--seed", "1")
    assert (clean / "home" / "runs.sqlite3").is_file()


# -- what goes wrong

BAD_ROWS = [
    ([row(1), row(2), '{"problem": "What'], "data.jsonl, line 3: not JSON: ", "--skip-bad"),
    ([row(1), {"problem": "What?"}], "data.jsonl, line 2: no answer: ", "--skip-bad"),
    ([row(1), {"answer": "4"}], "data.jsonl, line 2: no problem: ", "--skip-bad"),
    ([row(1), row(2), row(1, problem="Else?")], "data.jsonl, line 3: the id 'p1' stands in line 1 already", "--skip"),
    ([row(1), row(2), row(1, id="x")], "data.jsonl, line 3: the same problem stands in line 1 already", "--skip-bad"),
    ([], "data.jsonl is empty", "JSON lines"),
    (["[1]"], "data.jsonl, row 1: not a JSON object", "--skip-bad"),
    (["PAR1"], "is broken Parquet: ", "fetch the file again"),
    (["[{}"], "data.jsonl begins as a JSON array and is none: Expecting ',' delimiter in line 2", "JSON lines"),
    ([row(1, choices=["1", "2"], answer="1")], "line 1: `answer` is 1, which may be A and B", "--skip-bad"),
    ([row(1, choices=["a", "b"], answer=2)], "so answers seem to count from 1", "jq -c '.answer -= 1'"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "message", "hint"), BAD_ROWS, ids=[bad[1] for bad in BAD_ROWS])
def test_a_data_set_that_cannot_be_used_is_said_by_line(
    here: Call, arguments: list[str], clean: Path, rows: list[Any], message: str, hint: str
) -> None:
    write_data(clean / "data.jsonl", *rows)
    error, told = complaint(here(*arguments), 2)
    assert message in error
    assert hint in told


BAD = [
    (["--method", "beams"], 2, "there is no method 'beams'", "one of auto, adaptive, "),
    (["--method", "beam:m=4", "-b", "8,10"], 2, "multiples of 4; a budget of 10 makes 10", "--budget 8"),
    (["--verifier", "prm"], 2, "there is no verifier 'prm'", "one of confidence, "),
    (["--method", "majority", "--verifier", "judge"], 2, "majority scores nothing", "--method best-of-n"),
    (["--verifier", "judge"], 2, "a script cannot judge", "--verifier scripted"),
    (["--budget", "4,30s"], 2, "'4,30s' mixes them", "--budget 4,16,64"),
    (["--budget", "four"], 2, "'four' is not a budget", "30s (seconds)"),
    (["--fail-under", "2"], 2, "--fail-under must be from 0 to 1, not 2.0", "--fail-under 0.6"),
    (["--fail-under", "nan"], 2, "--fail-under must be from 0 to 1, not nan", "--fail-under 0.6"),
    (["--plot", "x.gif"], 2, "x.gif must end in .png or .svg", "x.png"),
    (["--plot", "no/x.svg"], 2, "there is no directory ", "make it first"),
    (["--report", "x.pdf"], 2, "x.pdf must end in .html or .htm", "x.html"),
    (["--limit", "0"], 2, "--limit must be at least 1, not 0", "--limit 20"),
    (["--sample", "-1"], 2, "--sample must be at least 1, not -1", "--sample 20"),
    (["--baseline", "greedy"], 2, "the baseline 'greedy' is none of the methods", "majority, best-of-n[confidence]"),
    (["--seed", "-1"], 2, "--seed must be from 0 to 2^63 - 1, not -1", "--seed 0"),
    (["--max-tokens", "0"], 2, "--max-tokens must be at least 1, not 0", "--max-tokens 1024"),
    (["--frobnicate"], 2, "No such option: --frobnicate", "ttc bench --help"),
    (["--model", "no-such-model"], 1, "unknown model 'no-such-model'", "ttc models list"),
    (["--store", "."], 1, "cannot be opened", "--store FILE keeps it elsewhere"),
    (["--store", "script.json"], 1, "script.json is no store of ttc", "--store FILE"),
    (["--store", "script.json/s"], 1, "cannot be used: ", "--store FILE"),
    (["--store", "other.sqlite3"], 1, "is a database, but not a store of ttc", "--store another file"),
    (["--dry-run", "--budget", "30s"], 2, "it says itself", "--budget 16 for a forecast"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "code", "message", "hint"), BAD, ids=[" ".join(bad[0]) for bad in BAD])
def test_what_cannot_be_done_is_said_in_one_line_with_what_to_type_next(
    here: Call, arguments: list[str], clean: Path, more: list[str], code: int, message: str, hint: str
) -> None:
    connection = sqlite3.connect("other.sqlite3")
    connection.execute("CREATE TABLE recipes (cake TEXT)")
    connection.close()
    error, told = complaint(here(*arguments, *more), code)
    assert message in error
    assert hint in told
    if (clean / "s.sqlite3").exists():
        assert runs(here) == []


def test_a_data_set_that_is_not_there_is_said(here: Call, arguments: list[str]) -> None:
    error, _ = complaint(here("bench", "missing.jsonl", *arguments[2:]), 2)
    assert error == "error: cannot read missing.jsonl: No such file or directory"
    error, _ = complaint(here("bench", ".", *arguments[2:]), 2)
    assert error == "error: cannot read .: Is a directory"
    error, _ = complaint(here("bench", "-", *arguments[2:]), 2)
    assert error == "error: stdin is empty"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["runs", "show", "zz"], "there is no run 'zz'"),
        (["runs", "export", "zz"], "there is no run 'zz'"),
        (["runs", "rm", "zz", "--yes"], "there is no run 'zz'"),
        (["report", "zz"], "there is no run 'zz'"),
        (["compare", "last", "zz"], "there is no run 'zz'"),
        (["runs", "show", ""], "there is no run ''"),
    ],
)
def test_a_run_that_is_not_there_is_said(here: Call, arguments: list[str], command: list[str], message: str) -> None:
    here(*arguments, "--json")
    error, hint = complaint(here(*command, "--store", "s.sqlite3"), 1)
    assert message in error
    assert hint == "hint: ttc runs list"


@pytest.mark.parametrize("command", ["list", "show", "rm 1 --yes", "export 1"])
def test_a_store_that_is_not_there_is_not_made_by_looking(here: Call, clean: Path, command: str) -> None:
    error, hint = complaint(here("runs", *command.split(), "--store", "none.sqlite3"), 1)
    assert (error, hint) == ("error: there is no store none.sqlite3", "hint: ttc bench makes one")
    assert not (clean / "none.sqlite3").exists()


# -- what fails on the way


def test_a_problem_that_fails_stays_in_the_denominator_and_is_tried_again_by_request_alone(
    here: Call, arguments: list[str], clean: Path
) -> None:
    known = [row(number)["problem"] for number in range(1, PROBLEMS + 1) if number != 5]
    (clean / "script.json").write_text(json.dumps({text: [{"text": "\\boxed{4}"}] for text in known}))
    first = here(*arguments, "--json", "--quiet")
    assert (first.code, first.err) == (0, "")
    *problems, summary = objects(first)
    failed = next(each for each in problems if each["id"] == "p5")
    assert failed["failed"] == "the script has no solution of 'What is 5 + 5?'"
    assert {each["accuracy"] for each in failed["results"].values()} == {0.0}
    assert (summary["done"], summary["failed"], summary["accuracy"]) == (12, 1, 4 / 12)
    assert {line["problems"] for line in summary["lines"] if line["budget"] == "4"} == {12}
    again = here(*arguments, "--json")
    assert again.err == ""
    retried = here(*arguments, "--json", "--retry-failed")
    assert [line.split(",")[0] for line in retried.err.splitlines()] == [
        "12/12 p5: failed: the script has no solution of 'What is 5 + 5?'; majority@4 33.3% (14% to 61%) of 12 problems"
    ]
    assert objects(retried)[-1] == objects(again)[-1] == summary
    assert runs(here)[0]["failed"] == 1


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (BackendError("the engine failed"), "hint: {}"),
        (StoreError("the disk is full", hint="free some space"), "hint: free some space; then {}"),
    ],
)
def test_an_error_in_the_middle_names_the_command_that_goes_on_and_that_finishes_the_run(
    here: Call, arguments: list[str], monkeypatch: pytest.MonkeyPatch, error: TtcError, hint: str
) -> None:
    from ttcli.bench.store.samples import Samples
    from ttcli.policy.scripted import ScriptedPolicy

    left = iter(range(30))

    def fails(original: Any) -> Any:
        def call(*positional: Any, **named: Any) -> Any:
            if next(left, None) is None:
                raise error
            return original(*positional, **named)

        return call

    monkeypatch.setattr(sys, "argv", ["/usr/bin/ttc", *arguments])
    with monkeypatch.context() as patch:
        if isinstance(error, StoreError):
            patch.setattr(Samples, "add", fails(Samples.add))
        else:
            patch.setattr(ScriptedPolicy, "_begin", fails(ScriptedPolicy._begin))
        result = here(*arguments, "--quiet")
    assert complaint(result, 1) == (f"error: {error}", hint.format(shlex.join(["ttc", *arguments])))
    before = samples()
    assert len(before) >= 20
    summary = objects(here(*arguments, "--json", "--retry-failed"))[-1]
    assert (summary["done"], summary["failed"]) == (PROBLEMS, 0)
    assert samples()[: len(before)] == before


# -- dry runs


def test_a_dry_run_draws_nothing_and_leaves_no_run_behind(ttc: Call, here: Call, arguments: list[str]) -> None:
    result = ttc(*arguments, "--dry-run", "--json")
    assert (result.code, result.err) == (0, "")
    (told,) = objects(result)
    assert (told["type"], told["problems"], told["samples"], told["measured"]) == ("forecast", 12, 48, False)
    assert told["tokens"] == 48 * told["tokens_per_sample"]
    assert told["seconds"] is None
    assert runs(here) == []
    assert samples() == []


def test_a_dry_run_in_words_is_three_lines(here: Call, arguments: list[str]) -> None:
    result = here(*arguments, "--dry-run")
    assert (result.code, result.err) == (0, "")
    first, second, third = result.out.splitlines()
    assert first == "12 problems, at most 48 samples to draw"
    assert second == "14,400 tokens, 300 a sample (a guess: none drawn yet)"
    assert third == "how fast it goes here is not known before a first run with this model"


def test_a_dry_run_loads_no_model_and_tells_the_speed_of_earlier_runs(
    here: Call, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here(*arguments, "--limit", "5", "--json")
    with closing(sqlite3.connect("s.sqlite3")) as db:
        db.execute("UPDATE load SET rows = 100, seconds = 2.0")
        db.commit()
    monkeypatch.setattr("ttcli.bench.session.load_runtime", None)
    (told,) = objects(here(*arguments, "--dry-run", "--json"))
    assert (told["problems"], told["samples"]) == (7, 28)
    assert told["tokens_per_second"] == pytest.approx(50)
    (other,) = objects(here(*arguments, "--dry-run", "--json", "--max-tokens", "77"))
    assert (other["samples"], other["tokens_per_second"]) == (48, pytest.approx(50))


def test_the_speed_that_a_dry_run_tells_is_that_of_the_width(here: Call, arguments: list[str], clean: Path) -> None:
    for width, seconds in (("4", 2.0), ("8", 1.0)):
        here(*arguments, "--limit", width, "--width", width, "--json")
        with closing(sqlite3.connect("s.sqlite3")) as db:
            db.execute("UPDATE load SET rows = 100, seconds = ? WHERE width = ?", (seconds, int(width)))
            db.execute("UPDATE sample SET seconds = tokens / 70.0")
            db.commit()
    told = [*objects(here(*arguments, "--dry-run", "--json"))]
    told += [objects(here(*arguments, "--dry-run", "--json", "--width", width))[0] for width in ("8", "6")]
    assert [(each["width"], each["tokens_per_second"]) for each in told] == [
        (width, pytest.approx(speed)) for width, speed in ((4, 50), (8, 100), (None, 70))
    ]
    said = {width: here(*arguments, "--dry-run", "--width", width).out.splitlines()[-1] for width in ("8", "6")}
    assert said["8"].endswith("100 tokens/s, as in earlier runs with this model with 8 texts at once")
    assert said["6"].endswith("70 tokens/s, as in earlier runs with this model at whatever width")


def test_a_dry_run_of_a_run_that_is_there_says_what_is_left_and_leaves_it_alone(
    here: Call, arguments: list[str]
) -> None:
    here(*arguments, "--limit", "5", "--json")
    summary = objects(here(*arguments, "--json"))[-1]
    (told,) = objects(here(*arguments, "--dry-run", "--json"))
    assert (told["problems"], told["samples"], told["tokens"]) == (0, 0, 0)
    (told,) = objects(here(*arguments, "--dry-run", "--json", "--budget", "6", "--baseline", "best-of-n"))
    assert (told["problems"], told["samples"], told["measured"]) == (12, 24, True)
    here(*arguments, "--dry-run", "--baseline", "best-of-n")
    assert len(runs(here)) == 2
    assert objects(here("runs", "show", summary["run"], "--json", "--store", "s.sqlite3"))[-1] == summary


# -- runs


def test_runs_are_listed_oldest_first(here: Call, arguments: list[str]) -> None:
    for more in (["--seed", "3"], ["--limit", "2", "--method", "greedy"]):
        here(*arguments, "--json", *more)
    first, second = runs(here)
    assert (first["seed"], first["methods"]) == (3, ["majority@4", "best-of-n[confidence]@4"])
    assert (first["problems"], first["begun"], first["failed"]) == (12, 12, 0)
    assert (second["problems"], second["methods"], second["data"]) == (2, ["greedy@1"], "data.jsonl")
    assert (second["model"], second["id"]) == ("scripted", second["id"][:8])
    listed = here("runs", "list", "--store", "s.sqlite3")
    assert (listed.code, listed.err) == (0, "")
    assert listed.out.index(first["id"]) < listed.out.index(second["id"])


def test_an_empty_store_lists_no_runs(here: Call, arguments: list[str]) -> None:
    here(*arguments, "--dry-run", "--json")
    assert runs(here) == []
    result = here("runs", "list", "--store", "s.sqlite3")
    assert (result.code, result.out, result.err) == (0, "", "no runs yet; ttc bench makes them\n")


def test_a_run_is_not_deleted_without_being_asked(here: Call, arguments: list[str]) -> None:
    here(*arguments, "--json")
    error, hint = complaint(here("runs", "rm", "last", "--store", "s.sqlite3"), 2)
    assert "asks before it deletes" in error
    assert hint == "hint: add --yes"
    assert len(runs(here)) == 1


def test_a_run_is_deleted_with_its_samples_or_without(here: Call, arguments: list[str]) -> None:
    here(*arguments, "--json")
    run = runs(here)[0]["id"]
    result = here("runs", "rm", run[:5], "--yes", "--store", "s.sqlite3")
    assert result == (0, "", f"run {run} deleted\n")
    assert runs(here) == []
    assert len(samples()) == 48
    here(*arguments, "--json")
    assert len(samples()) == 48
    result = here("runs", "rm", "last", "--samples", "-y", "--store", "s.sqlite3")
    assert result == (0, "", f"run {run} deleted, with 48 samples\n")
    assert samples() == []


def test_samples_are_exported_as_lines_or_into_a_file(ttc: Call, here: Call, arguments: list[str], clean: Path) -> None:
    here(*arguments, "--json", "--method", "majority", "--method", "adaptive")
    result = ttc("runs", "export", "last", "--store", "s.sqlite3")
    assert (result.code, result.err) == (0, "")
    found = objects(result)
    assert [each["type"] for each in found].count("sample") == 48
    assert [each["type"] for each in found].count("result") == 12
    for name in ("out.jsonl", "out.txt"):
        assert here("runs", "export", "last", "-o", name, "--store", "s.sqlite3") == (0, "", "")
        assert (clean / name).read_text(encoding="utf-8") == result.out


def test_an_export_is_not_called_what_it_is_not(here: Call, arguments: list[str]) -> None:
    here(*arguments, "--limit", "1", "--json")
    error, hint = complaint(here("runs", "export", "last", "-o", "e.csv", "--store", "s.sqlite3"), 2)
    assert (error, hint) == ("error: e.csv would hold lines of JSON", "hint: -o e.jsonl, or --format jsonl")
    assert here("runs", "export", "last", "-o", "e.csv", "--format", "jsonl", "--store", "s.sqlite3").code == 0


def test_samples_are_exported_as_parquet(here: Call, arguments: list[str], clean: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    here(*arguments, "--json")
    for more in (["-o", "out.parquet"], ["-o", "out.bin", "--format", "parquet"]):
        assert here("runs", "export", "last", *more, "--store", "s.sqlite3").code == 0
        assert parquet.read_table(clean / more[1]).num_rows == 48
    error, hint = complaint(here("runs", "export", "last", "--format", "parquet", "--store", "s.sqlite3"), 2)
    assert (error, hint) == ("error: Parquet goes into a file", "hint: -o samples.parquet")


def test_an_export_that_cannot_be_written_is_said(here: Call, arguments: list[str]) -> None:
    here(*arguments, "--json")
    error, hint = complaint(here("runs", "export", "last", "-o", "no/out.jsonl", "--store", "s.sqlite3"), 1)
    assert error == "error: cannot write no/out.jsonl: No such file or directory"
    assert hint == "hint: make the folder no first"


def test_runs_are_compared_with_the_first(here: Call, arguments: list[str]) -> None:
    ids = [objects(here(*arguments, "--json", "--seed", seed))[-1]["run"] for seed in "012"]
    result = here("compare", *ids, "--json", "--store", "s.sqlite3")
    assert (result.code, result.err) == (0, "")
    first, second = objects(result)
    assert [(each["first"], each["second"]) for each in (first, second)] == [(ids[0], ids[1]), (ids[0], ids[2])]
    names = [each["name"] for each in first["pairings"]]
    assert names == [f"{name}@{n}" for name in ("majority", "best-of-n[confidence]") for n in (1, 2, 4)]
    pairing = first["pairings"][2]
    assert pairing["problems"] == 12
    assert pairing["comparison"]["difference"] == pytest.approx(pairing["second"] - pairing["first"])
    tables = here("compare", *ids[:2], "--store", "s.sqlite3")
    assert (tables.code, tables.err) == (0, "")
    assert "majority" in tables.out


def test_runs_that_cannot_be_compared_are_said(here: Call, arguments: list[str], clean: Path) -> None:
    here(*arguments, "--json", "--limit", "3")
    error, hint = complaint(here("compare", "last", "--store", "s.sqlite3"), 2)
    assert error == "error: it takes two runs to compare"
    assert "ttc runs show last" in hint
    first = runs(here)[0]["id"]
    write_data(clean / "data.jsonl", row(20), row(21))
    here(*arguments, "--json")
    result = here("compare", first, "last", "--store", "s.sqlite3")
    assert (result.code, result.out) == (2, "")
    assert "have no method on a problem in common" in result.err


# -- Ctrl-C, and a second worker: a script takes its time where its solutions are long

LONG = {"text": "and so on " * 700 + "\\boxed{4}"}


@pytest.fixture
def slow(clean: Path, data: str) -> list[str]:
    model = write_script(clean / "long script.json", [LONG])
    return ["bench", data, "--model", model, "--method", "majority", "--budget", "4", "--store", "s.sqlite3", "--json"]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    """A bench in a process of its own, with its first problem done."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ttcli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("1/12 ")
    return process


def test_ctrl_c_names_the_command_that_goes_on_and_that_finishes_the_run(
    ttc: Call, slow: list[str], arguments: list[str]
) -> None:
    process = start(slow)
    code, out, err, seconds = ctrl_c(process)
    assert code == 130
    assert seconds < 5
    assert "Traceback" not in err
    told, last = err.splitlines()[-2:]
    assert last == "interrupted"
    summary = json.loads(out.splitlines()[-1])
    assert 1 <= summary["done"] < PROBLEMS
    assert out.count('"type": "problem"') == summary["done"]
    assert told == f"{summary['done']} of 12 problems done; go on with: {shlex.join(['ttc', *slow])}"
    before = samples()
    name, *command = shlex.split(told.split("go on with: ")[1])
    assert name == "ttc"
    result = ttc(*command)
    assert result.code == 0
    *problems, whole = objects(result)
    assert (whole["run"], whole["done"], len(problems)) == (summary["run"], PROBLEMS, PROBLEMS)
    after = samples()
    assert after[: len(before)] == before
    assert len(after) == PROBLEMS * 4


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_so_do_other_signals_that_end_it(slow: list[str], number: signal.Signals, code: int) -> None:
    process = start(slow)
    process.send_signal(number)
    _, err = process.communicate(timeout=HANG)
    assert process.returncode == code
    assert "go on with: ttc bench " in err


def test_ctrl_c_twice_ends_at_once(slow: list[str]) -> None:
    process = start(slow)
    process.send_signal(signal.SIGINT)
    assert ctrl_c(process).code == 130


def test_a_run_at_work_is_neither_worked_on_nor_deleted_by_another(here: Call, slow: list[str]) -> None:
    process = start(slow)
    try:
        error, hint = complaint(here(*slow), 1)
        assert "another ttc is at work on run " in error
        # what was drawn is kept, and the command to go on with is the same
        assert hint.startswith("hint: wait for it, or stop it")
        error, _ = complaint(here("runs", "rm", "last", "--yes", "--store", "s.sqlite3"), 1)
        assert "another ttc is at work on run " in error
        (listed,) = runs(here)
        assert listed["begun"] >= 1
        shown = objects(here("runs", "show", "--json", "--store", "s.sqlite3"))[-1]
        assert shown["done"] >= 1
    finally:
        ended = ctrl_c(process)
    assert ended.code == 130


def test_a_reader_that_leaves_early_gets_no_traceback(arguments: list[str]) -> None:
    command = f'"$0" -m ttcli {shlex.join(arguments)} --json | head -n1'
    done = subprocess.run(["/bin/sh", "-c", command, sys.executable], capture_output=True, timeout=HANG, check=False)
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
    assert json.loads(done.stdout)["type"] == "problem"


def test_a_bench_of_revisions_tells_what_they_turned(here: Call, arguments: list[str]) -> None:
    result = here(*arguments, "--method", "majority", "--method", "revise", "--ratio", "4", "-q")
    assert result.code == 0
    assert "revise:ratio=4@4: attempts by their place in the chain" in result.out
    assert "right to wrong" in result.out
    assert here("runs", "show", "last", "--store", "s.sqlite3").out == result.out
    told = json.loads(here("runs", "show", "last", "--store", "s.sqlite3", "--json").out)
    [revisions] = told["revisions"]
    assert revisions["method"] == "revise:ratio=4@4"
    assert [each["right"]["of"] for each in revisions["attempts"]] == [PROBLEMS] * 4
    assert here(*arguments, "--method", "majority", "-q").code == 0
    assert json.loads(here("runs", "show", "last", "--store", "s.sqlite3", "--json").out)["revisions"] == []


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (["--ratio", "1"], "--ratio is about chains of revisions"),
        (["--reviser", "x.gguf"], "nothing is revised here"),
        (["--method", "revise", "--budget", "8,12", "--ratio", "2"], "12 generations make no whole chains"),
    ],
)
def test_what_revisions_cannot_do_is_said_before_a_run_begins(
    here: Call, arguments: list[str], extra: list[str], complaint: str
) -> None:
    result = here(*arguments, *extra)
    assert (result.code, result.out) == (2, "")
    assert complaint in result.err
    assert not Path("s.sqlite3").exists() or runs(here) == []


def test_a_row_that_a_disk_changed_is_named_beside_the_figures(here: Call, arguments: list[str]) -> None:
    assert here(*arguments, "--limit", "2").code == 0
    with closing(sqlite3.connect("s.sqlite3")) as db:
        db.execute("UPDATE sample SET answer = '7' WHERE id = 3")
        db.commit()
    shown = here("runs", "show", "last", "--store", "s.sqlite3")
    assert shown.code == 1
    assert "majority" in shown.out
    assert "error: sample 3 of p1 (problem 1) in the store cannot be what was written" in shown.err
    told = json.loads(here("runs", "show", "last", "--store", "s.sqlite3", "--json").out)
    assert told["damaged"] == ["sample 3 of p1 (problem 1)"]


@pytest.mark.parametrize("command", ["bench", "grade", "compare"])
def test_answers_that_cannot_be_compared_are_an_error_before_anything_runs(
    here: Call, arguments: list[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for limit in ("1", "2"):
        assert here(*arguments, "--limit", limit).code == 0
    rows = write_data(Path("responses.jsonl"), {"answer": "x+1", "candidate": "1+x"})
    ids = [each["id"] for each in runs(here)]
    monkeypatch.setattr("ttcli.answers.CHECKER._command", ("/nonexistent/program",))
    monkeypatch.setattr("ttcli.answers.CHECKER._worker", None)
    calls = {
        "bench": [*arguments, "--limit", "3"],
        "grade": ["grade", rows],
        "compare": ["compare", *ids, "--store", "s.sqlite3"],
    }
    result = here(*calls[command])
    assert "answers cannot be compared" in complaint(result, 1)[0]
    assert len(runs(here)) == 2


def test_answers_that_take_too_long_to_compare_are_counted(
    here: Call, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here(*arguments, "--limit", "1").code == 0
    monkeypatch.setattr("ttcli.answers.CHECKER.verdict", lambda _answer, _reference: None)
    assert json.loads(here("runs", "show", "last", "--store", "s.sqlite3", "--json").out)["ungraded"] > 0
    shown = here("runs", "show", "last", "--store", "s.sqlite3").out
    assert "comparing took too long, so they count as wrong" in " ".join(shown.split())


def test_code_is_compared_with_the_reference_whatever_its_layout(here: Call, clean: Path) -> None:
    right = "```python\ndef f(a):\n    return (a + 1)  # one more\n```"
    model = write_script(clean / "s.json", [{"text": f"So:\n{right}\nDone."}])
    row = {"problem": "Write a Python function f.", "answer": "def f(a):\n  return a+1"}
    (clean / "data.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    arguments = ("bench", "data.jsonl", "-m", model, "-b", "2", "--method", "majority", "--json", "-q")
    for form, accuracy in (("code", 1.0), ("boxed", 0.0)):
        *_, summary = objects(here(*arguments, "--answer", form))
        assert (summary["accuracy"], summary["samples"]) == (accuracy, 2)
    *_, again = objects(here(*arguments, "--answer", "code"))
    assert again["accuracy"] == 1.0
    assert "return (a + 1)" in here("show", "last", "--problem", "1").out


# -- answers, and no grades


@pytest.fixture
def ungraded(arguments: list[str], clean: Path) -> list[str]:
    """The same bench without reference answers."""
    rows = ({key: value for key, value in row(number).items() if key != "answer"} for number in range(1, 4))
    return [arguments[0], write_data(clean / "questions.jsonl", *rows), *arguments[2:], "--no-grade"]


def test_rows_without_references_get_answers(here: Call, ungraded: list[str]) -> None:
    result = here(*ungraded)
    assert result.code == 0, result.err
    told = objects(result)
    assert [each["id"] for each in told] == ["p1", "p2", "p3"]
    for each in told:
        assert (each["version"], each["type"], each["method"]) == (1, "answer", "majority@4")
        assert each["candidates"] == 4
        assert (each["answer"] is None) == (each["agree"] == 0)
        assert 0 <= each["confidence"] <= 1
        assert each["error"] is None
    assert "%" not in result.err
    assert here(*ungraded).out == result.out
    both = here(*ungraded, "--method", "majority", "--method", "best-of-n", "--verifier", "scripted")
    assert [each["method"] for each in objects(both)] == ["majority@4", "best-of-n[scripted]@4"] * 3


def test_a_run_that_was_not_graded_tells_no_accuracy(here: Call, ungraded: list[str], arguments: list[str]) -> None:
    assert here(*ungraded).code == 0
    [run] = runs(here)
    hint = f"hint: ttc runs export {run['id']}, or ttc show {run['id']}"
    assert here(*arguments, "-q").code == 0
    for command in (["runs", "show", run["id"]], ["report", run["id"]], ["compare", run["id"], "last"]):
        result = here(*command, "--store", "s.sqlite3")
        assert result.code == 2
        assert result.err.splitlines() == [
            f"error: run {run['id']} was not graded: its problems have no reference answers", hint
        ]  # fmt: skip
    exported = here("runs", "export", run["id"], "--store", "s.sqlite3")
    assert {each["correct"] for each in objects(exported)} == {None}
    assert here("show", run["id"], "--problem", "2", "--store", "s.sqlite3").code == 0


def test_references_are_left_alone_where_nothing_is_graded(here: Call, arguments: list[str]) -> None:
    answers = here(*arguments, "--no-grade")
    assert len(objects(answers)) == PROBLEMS
    assert here(*arguments, "-q").code == 0
    assert len(runs(here)) == 2


@pytest.mark.parametrize(
    ("option", "value"),
    [("--plot", "a.svg"), ("--report", "a.html"), ("--fail-under", "0.5"), ("--baseline", "greedy")],
)
def test_nothing_about_right_and_wrong_is_asked_of_answers(
    here: Call, ungraded: list[str], option: str, value: str
) -> None:
    error, hint = complaint(here(*ungraded, option, value), 2)
    assert error == f"error: {option} tells of right and wrong, and --no-grade of neither"
    assert hint == f"hint: leave out {option}"
