"""`ttc show` on scripts: records, runs, the path, Graphviz, the replay, and what goes wrong."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cli.calls import Call, write_script
from cli.test_terminal import at_terminal

PROBLEM = "What is 17 * 23?"
LINES = [
    {"text": f"{first}\n\n{second}", "score": score, "scores": [score, score], "logprob": -0.3}
    for first, score in (("Take 20 of them.", 0.3), ("Take 25 of them.", 0.8))
    for second in ("It is \\boxed{391}.", "It is \\boxed{401}.")
]


@pytest.fixture
def model(clean: Path) -> str:
    return write_script(clean / "steps.json", LINES)


@pytest.fixture
def solved(here: Call, model: str, clean: Path) -> str:
    """A file with the record of a search."""
    result = here(
        "solve", PROBLEM, "-m", model, "-b", "8", "--method", "beam", "--verifier", "scripted", "--json", "-q"
    )
    assert result.code == 0, result.err
    (clean / "solved.json").write_text(result.out, encoding="utf-8")
    return "solved.json"


@pytest.fixture
def run(here: Call, model: str, clean: Path) -> list[str]:
    """The options that name a store with one run: two problems, three methods."""
    rows = [{"id": f"p{number}", "problem": f"{PROBLEM} ({number})", "answer": "391"} for number in (1, 2)]
    (clean / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    methods = [word for name in ("beam", "majority", "adaptive") for word in ("--method", name)]
    store = ["--store", "s.sqlite3"]
    done = here("bench", "data.jsonl", "-m", model, "-b", "8", *methods, "--verifier", "scripted", "-q", *store)
    assert done.code == 0, done.err
    return store


def complaint(here: Call, *arguments: str, **options: Any) -> tuple[int, str, str]:
    """Exit code, error and hint of a command that said nothing else."""
    result = here("show", *arguments, **options)
    assert result.out == ""
    error, hint = result.err.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    return result.code, error.removeprefix("error: "), hint.removeprefix("hint: ")


# -- a record


def test_a_record_is_shown_on_stdout_with_every_step_the_votes_and_the_cost(ttc: Call, solved: str) -> None:
    result = ttc("show", solved)
    assert (result.code, result.err) == (0, "")
    told = json.loads(Path(solved).read_text("utf-8"))
    lines = result.out.splitlines()
    assert lines[:2] == ["beam, scripted, verifier scripted, budget 8 generations, seed 0", PROBLEM]
    steps = lines[2 : 2 + len(told["tree"])]
    assert sorted(int(next(word for word in line.split() if word.isdigit())) for line in steps) == [
        node["number"] for node in told["tree"]
    ]
    assert sum("×" in line for line in steps) == sum(node["pruned"] for node in told["tree"])
    assert any(line.startswith("★") for line in steps)
    assert lines[-1].endswith(" s")
    assert " candidates agree; 8 of 8 generations; " in lines[-1]
    assert "\x1b" not in result.out


@pytest.mark.parametrize("arguments", [["-"], []])
def test_a_record_may_come_from_stdin(ttc: Call, solved: str, arguments: list[str]) -> None:
    text = Path(solved).read_text("utf-8")
    assert ttc("show", *arguments, stdin=text) == ttc("show", solved)


def test_only_the_steps_that_were_kept(here: Call, solved: str) -> None:
    out = here("show", solved, "--kept").out
    assert "×" not in out
    assert " pruned, best 0." in out


def test_the_path_to_a_step_has_its_texts_whole(here: Call, solved: str) -> None:
    told = json.loads(Path(solved).read_text("utf-8"))
    last = next(each for each in told["candidates"] if each["index"] == told["winner"])
    leaf = next(node for node in told["tree"] if node["number"] == last["node"])
    above = next(node for node in told["tree"] if node["number"] == leaf["parent"])
    result = here("show", solved, "--node", str(leaf["number"]))
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "problem",
        PROBLEM,
        "",
        f"step {above['number']}, {above['tokens']} tokens, score {above['score']:.2f}",
        above["text"].strip(),
        "",
        f"step {leaf['number']}, {leaf['tokens']} tokens, score {leaf['score']:.2f}, answer {last['answer']}",
        leaf["text"].strip(),
    ]


def test_a_long_text_of_a_path_is_not_cut_nor_wrapped_in_a_pipe(ttc: Call, clean: Path) -> None:
    long = "word " * 200 + "\\boxed{4}"
    model = write_script(clean / "long.json", [{"text": long}])
    record = ttc("solve", "2 + 2?", "-m", model, "-b", "1", "--json", "-q").out
    assert long in ttc("show", "--node", "1", stdin=record).out.splitlines()


def test_independent_candidates_stand_under_the_problem(here: Call, model: str, clean: Path) -> None:
    (clean / "s.json").write_text(
        here("solve", PROBLEM, "-m", model, "-b", "4", "--method", "majority", "--json", "-q").out, encoding="utf-8"
    )
    lines = here("show", "s.json").out.splitlines()[2:6]
    assert [line.split()[2] for line in lines] == ["1", "2", "3", "4"]
    assert all("391" in line or "401" in line for line in lines)
    assert "step 3, " in here("show", "s.json", "--node", "3").out


def test_graphviz_gets_a_graph(here: Call, solved: str) -> None:
    told = json.loads(Path(solved).read_text("utf-8"))
    result = here("show", solved, "--dot")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("digraph ttc {\n")
    assert result.out.endswith("}\n")
    assert result.out.count(" -> ") == len(told["tree"])
    kept = here("show", solved, "--dot", "--kept").out
    assert kept.count(" -> ") == sum(not node["pruned"] for node in told["tree"])


def test_a_replay_in_a_pipe_is_lines(here: Call, solved: str) -> None:
    result = here("show", solved, "--replay", "--speed", "100")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("beam, scripted")
    assert [line.split(":")[0] for line in lines if line.startswith("round")] == ["round 1", "round 2"]
    assert lines[-2].startswith("votes: ")


def test_an_ascii_locale_gets_ascii(ttc: Call, solved: str) -> None:
    env = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    result = ttc("show", solved, env=env)
    assert result.code == 0
    assert result.out.isascii()
    assert "`- " in result.out


# -- on a terminal


def test_a_replay_on_a_terminal_leaves_the_tree(solved: str) -> None:
    seen = at_terminal("show", solved, "--replay", "--speed", "100")
    assert seen.code == 0
    assert seen.lines[0].startswith("beam, scripted")
    assert any(line.startswith("★") for line in seen.lines)
    assert seen.written.count(b"\x1b[?2026h") > 1
    assert not seen.screen.cursor.hidden


@pytest.mark.parametrize(("env", "colours"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_tree_on_a_terminal_is_as_wide_as_that_and_coloured(
    solved: str, env: Mapping[str, str], colours: bool
) -> None:
    seen = at_terminal("show", solved, columns=50, lines=60, env=env)
    assert all(len(line) <= 50 for line in seen.lines)
    cells = [cell for line in seen.screen.buffer.values() for cell in line.values()]
    assert any(cell.fg != "default" for cell in cells) == colours


def test_with_nothing_to_show_it_does_not_wait(clean: Path) -> None:
    seen = at_terminal("show")
    assert seen.code == 2
    assert seen.lines[0] == "error: there is nothing to show"


# -- a run of a bench


def test_a_search_of_a_run_is_shown(here: Call, run: list[str]) -> None:
    result = here("show", "last", "--problem", "2", "--method", "beam", *run)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[:2] == ["beam, scripted, verifier scripted, budget 8 generations, seed 0", f"{PROBLEM} (2)"]
    assert any(line.startswith("★") for line in lines)


@pytest.mark.parametrize("name", ["beam", "beam[scripted]", "beam[scripted]@8"])
def test_a_method_may_be_named_short_or_whole(here: Call, run: list[str], name: str) -> None:
    assert here("show", "last", "--problem", "1", "--method", name, *run).out.startswith("beam, ")


def test_a_run_is_found_by_the_beginning_of_its_id(here: Call, run: list[str]) -> None:
    (listed,) = json.loads(here("runs", "list", "--json", *run).out)["runs"]
    result = here("show", listed["id"][:3], "--problem", "1", "--method", "beam", *run)
    assert result.code == 0


def test_votes_over_samples_show_the_samples(here: Call, run: list[str]) -> None:
    out = here("show", "last", "--problem", "1", "--method", "majority", *run).out
    assert sum(" tokens" in line for line in out.splitlines()[2:10]) == 8
    assert "8 of 8 generations" in out
    assert "\\boxed{" in here("show", "last", "--problem", "1", "--method", "majority", "--node", "5", *run).out


@pytest.mark.parametrize("method", ["beam", "majority", "adaptive"])
def test_what_a_run_shows_is_what_its_replay_comes_to(here: Call, run: list[str], method: str) -> None:
    named = ["show", "last", "--problem", "1", "--method", method, *run]
    lines = here(*named, "--replay", "--speed", "1000").out.splitlines()
    shown = here(*named).out.splitlines()
    assert lines[0] == shown[0]
    assert shown[-1].startswith(lines[-1].split(";")[0])


def test_a_run_of_one_problem_and_one_method_needs_no_more_names(here: Call, model: str, clean: Path) -> None:
    (clean / "one.jsonl").write_text(json.dumps({"problem": PROBLEM, "answer": "391"}) + "\n", encoding="utf-8")
    done = here("bench", "one.jsonl", "-m", model, "-b", "2", "--method", "adaptive", "-q", "--store", "one.sqlite3")
    assert done.code == 0
    assert here("show", "last", "--store", "one.sqlite3").out.startswith("adaptive, ")


def test_an_attempt_that_failed_is_not_replayed(here: Call, run: list[str]) -> None:
    named = ["show", "last", "--problem", "1", "--method", "beam", *run]
    before = here(*named, "--replay", "--speed", "1000").out
    with sqlite3.connect("s.sqlite3") as store:
        own = "position = 0 AND task = 'beam[scripted]@8'"
        (last,) = store.execute(f"SELECT max(number) FROM event WHERE {own}").fetchone()
        store.execute(f"UPDATE event SET number = number + {last + 1} WHERE {own}")
        store.execute(
            "INSERT INTO event SELECT run, position, task, number - ?, event, NULL FROM event "
            f"WHERE {own} AND number <= ? + 12",
            (last + 1, last + 1),
        )
    store.close()
    assert here(*named, "--replay", "--speed", "1000").out == before


# -- what goes wrong


BAD: list[tuple[list[str], int, str, str]] = [
    (["missing.json"], 2, "cannot read missing.json: No such file or directory", "ttc solve"),
    (["."], 2, "cannot read .: Is a directory", "ttc solve"),
    (["no.json"], 2, "no.json is no JSON: ", "ttc solve"),
    (["deep.json"], 2, "deep.json is no JSON: ", "ttc solve"),
    (["binary.json"], 2, "binary.json is no JSON: ", "ttc solve"),
    (["list.json"], 2, "list.json is no record of ttc solve", "--json"),
    (["bench.json"], 2, "bench.json is no record of ttc solve", "--json"),
    (["solved.json", "--node", "999"], 2, "there is no step 999", "numbered: 1 to "),
    (["solved.json", "--node", "0"], 2, "there is no step 0", "numbered: 1 to "),
    (["solved.json", "--node", "x"], 2, "Invalid value for '--node'", "ttc show --help"),
    (["solved.json", "--node", "1", "--dot"], 2, "--node and --dot do not go together", "one of them"),
    (["solved.json", "--dot", "--replay"], 2, "--dot and --replay do not go together", "one of them"),
    (["solved.json", "--replay", "--speed", "0"], 2, "--speed must be above 0, not 0.0", "--speed 4"),
    (["solved.json", "--replay", "--speed", "nan"], 2, "--speed must be above 0, not nan", "--speed 4"),
    (["last"], 2, "has 2 problems", "--problem, from 1 to 2"),
    (["last", "--problem", "3"], 2, "has 2 problems, and none is number 3", "--problem, from 1 to 2"),
    (["last", "--problem", "0"], 2, "and none is number 0", "--problem, from 1 to 2"),
    (["last", "--problem", "1"], 2, "has 3 methods", "one of beam[scripted]@8, majority@8, adaptive@8"),
    (["last", "--problem", "1", "--method", "dvts"], 2, "has no method dvts", "one of beam[scripted]@8"),
    (["0000", "--problem", "1"], 1, "there is no run '0000'", "ttc runs list"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "message", "hint"), BAD, ids=[" ".join(bad[0]) for bad in BAD])
def test_what_cannot_be_shown_is_said_in_one_line_with_what_to_type_next(
    here: Call, solved: str, run: list[str], clean: Path, arguments: list[str], code: int, message: str, hint: str
) -> None:
    (clean / "no.json").write_text("{]", encoding="utf-8")
    (clean / "deep.json").write_text("[" * 100_000, encoding="utf-8")
    (clean / "binary.json").write_bytes(b"\xff\xfe\x00")
    (clean / "list.json").write_text("[1]", encoding="utf-8")
    (clean / "bench.json").write_text('{"version": 1, "type": "problem"}', encoding="utf-8")
    told = complaint(here, *arguments, *run)
    assert told[0] == code
    assert message in told[1]
    assert hint in told[2]


def test_a_record_of_a_later_version_is_refused(here: Call, solved: str) -> None:
    told = json.loads(Path(solved).read_text("utf-8")) | {"version": 9}
    code, error, _ = complaint(here, stdin=json.dumps(told))
    assert (code, error) == (2, "stdin is a record of version 9, and this ttc reads version 1")


def test_empty_input_is_an_error(here: Call) -> None:
    assert complaint(here, "-")[:2] == (2, "stdin is no JSON: Expecting value: line 1 column 1 (char 0)")


def test_without_a_store_a_run_is_not_found(here: Call, clean: Path) -> None:
    code, error, _ = complaint(here, "last", "--store", "none.sqlite3")
    assert code == 1
    assert "none.sqlite3" in error
    assert not (clean / "none.sqlite3").exists()


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ("UPDATE result SET outcome = NULL, error = 'the server went away'", 2, "failed on problem 1: the server"),
        ("DELETE FROM result", 2, "beam[scripted]@8 is not done on problem 1"),
        ("UPDATE result SET outcome = json_remove(outcome, '$.votes')", 1, "cannot be read: 'votes'"),
        ("UPDATE event SET event = '{\"event\": \"danced\"}'", 1, "of beam[scripted]@8 cannot be read: 'danced'"),
    ],
)  # fmt: skip
def test_what_a_run_does_not_hold_is_not_shown(
    here: Call, run: list[str], change: str, code: int, message: str
) -> None:
    with sqlite3.connect("s.sqlite3") as store:
        store.execute(f"{change} WHERE position = 0 AND task = 'beam[scripted]@8'")
    store.close()
    told = complaint(here, "last", "--problem", "1", "--method", "beam", *run)
    assert told[0] == code
    assert message in told[1]


def test_the_help_begins_with_examples(ttc: Call) -> None:
    out = ttc("show", "--help").out
    assert out.index("--node 12") < out.index("Options")
