"""`ttc train verifier`: what it refuses, and small heads of a tiny model."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from policy.server.fake_server import FakeServer

from cli.calls import Call
from cli.training import complaint, write, write_solutions
from ttcli.train.recipe import RECIPES
from ttcli.train.verifier import train_verifier


@pytest.fixture
def tiny(tiny: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The tiny model, whose heads are fitted in two ways instead of six."""
    defaults = train_verifier.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "recipes", RECIPES[1:3])
    return tiny


def test_help_begins_with_examples_and_shows_no_more_than_twelve_options(here: Call) -> None:
    text = here("train", "verifier", "--help").out
    assert "ttc train verifier gsm8k_train.jsonl --limit 200" in text
    shown = [line for line in text.splitlines() if line.startswith("│ --")]
    assert len(shown) - 2 <= 12  # but for those about help
    assert "--temperature" not in text
    assert "--temperature" in here("train", "verifier", "--help-more").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--held-out", "1"), "--held-out must be between 0 and 1, not 1"),
        (("--held-out", "0.01"), "of 12 problems 0 would be held out"),
        (("--limit", "5"), "of 5 problems 2 would be held out to judge the head by, and 3 are left to train on"),
        (("--samples", "1"), "--samples must be at least 2, not 1"),
        (("--rollouts", "-1"), "--rollouts must be at least 0, not -1"),
        (("--seed", "-1"), "--seed must be from 0 to"),
        (("--limit", "0"), "--limit must be at least 1"),
        (("--max-tokens", "0"), "--max-tokens must be at least 1"),
        (("-o", ""), "--output names nothing"),
        (("-o", "./data.jsonl/x.safetensors"), "cannot be written"),
        (("-o", "./"), "is a directory"),
        (("--solutions", "none.jsonl"), "cannot read none.jsonl"),
        (("--policy", "http://localhost:1/v1"), "a server shows no hidden states"),
        (("--model", "scripted:script.json"), "a script shows no hidden states"),
        (
            ("--looks-at", "visible", "--policy", "http://localhost:1/v1", "--rollouts", "2"),
            "a server draws no rollouts",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_hint(here: Call, data: str, options: tuple[str, ...], said: str) -> None:
    assert said in complaint(here("train", "verifier", data, "--quiet", *options))
    assert not list(Path().glob("**/*.sqlite3"))


def test_a_data_set_that_cannot_be_used_is_refused(here: Call, clean: Path) -> None:
    assert "no answer" in complaint(here("train", "verifier", write(clean / "d.jsonl", {"problem": "What?"})))
    assert "cannot read gone.jsonl" in complaint(here("train", "verifier", "gone.jsonl"))
    assert "it cannot be stdin" in complaint(here("train", "verifier", "-"))


@pytest.mark.parametrize("command", ["train verifier", "calibrate"])
def test_what_fits_models_is_missed_before_anything_is_drawn(
    here: Call, data: str, script: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("ttcli.stats.fitting.find_spec", lambda _name: None)
    result = here(*command.split(), data, "-m", script, "--quiet")
    assert "needs the package scikit-learn" in complaint(result)
    assert "pip install 'ttcli[train]'" in result.err
    assert not list(Path().glob("**/*.sqlite3"))


def test_a_head_that_is_there_is_not_replaced_unasked(here: Call, data: str, clean: Path) -> None:
    place = clean / "home" / "heads" / "mine.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"precious")
    assert f"there is a head {place} already" in complaint(here("train", "verifier", data, "-o", "mine"))
    own = here("train", "verifier", data, "-o", "mine", "--force", "--limit", "5")
    assert "left to train on" in complaint(own)
    assert place.read_bytes() == b"precious"


def test_solutions_of_another_data_set_are_refused(here: Call, data: str, clean: Path) -> None:
    file = write(clean / "s.jsonl", {"problem_index": 0, "text": "\\boxed{9}", "finish": "stop", "gold": "9"})
    error = complaint(here("train", "verifier", data, "--solutions", file))
    assert "line 1: the answer is 9 here and 3 in the data set" in error


def test_solutions_of_other_problems_are_refused(here: Call, data: str, clean: Path, tiny: str) -> None:
    file = write(clean / "s.jsonl", {"problem_index": 11, "text": "\\boxed{14}"})
    command = ("train", "verifier", data, "-m", tiny, "--solutions", file, "--limit", "8")
    assert "s.jsonl has no solution of these 8 problems" in complaint(here(*command, "-q"))


def test_solutions_of_a_server_are_learnt_from_by_what_is_seen_of_them(here: Call, clean: Path) -> None:
    """Four in eight are right, and only these state an equation."""
    rows = [{"question": f"What is {4 + n} - {n}?", "answer": "#### 4"} for n in range(12)]
    data = write(clean / "fours.jsonl", *rows)
    with FakeServer(["As 2 + 2 = 4, it is \\boxed{4}.", "It is \\boxed{5}."]) as server:
        command = ("train", "verifier", data, "--policy", server.url, "-o", "seen", "--json")
        assert "a server shows no hidden states" in complaint(here(*command, "-q"))
        unnamed = ("train", "verifier", data, "--policy", server.url, "--looks-at", "visible", "--json")
        assert json.loads(here(*unnamed).out)["head"].endswith("/server.safetensors")
        trained = here(*command, "--looks-at", "visible")
        assert trained.code == 0, trained.err
        card = json.loads(trained.out)["card"]
        assert (card["model"], card["looks_at"], card["train"]["drawn"]) == ("fake", "visible", 8 * 8)
        assert card["figures"]["auc_within"]["value"] == 1
        asked = len(server.bodies)
        assert here(*command, "--looks-at", "visible", "--force").code == 0
        assert len(server.bodies) == asked  # nothing was drawn again
        solved = here(
            *("solve", "What is 9 - 5?", "--policy", server.url, "-b", "4", "--method", "best-of-n"),
            *("--verifier", "head:seen", "--json"),
        )
    scores = {each["text"]: each["score"] for each in json.loads(solved.out)["candidates"]}
    assert scores["It is \\boxed{5}."] < 0.5 < scores["As 2 + 2 = 4, it is \\boxed{4}."]


# -- on a tiny model


def test_a_head_is_trained_from_given_solutions_and_scores_new_ones(
    here: Call, data: str, clean: Path, tiny: str
) -> None:
    file = write_solutions(clean / "s.jsonl", problems=12)
    command = (
        "train",
        "verifier",
        data,
        "-m",
        tiny,
        "--solutions",
        file,
        "-o",
        "small",
        "--max-tokens",
        "60",
        "--json",
    )
    first = here(*command)
    assert first.code == 0, first.err
    told = json.loads(first.out)
    assert told["head"] == str(clean / "home" / "heads" / "small.safetensors")
    assert told["card"]["figures"]["auc_within"]["value"] > 0.9
    assert told["card"]["command"].split()[0] == "ttc"
    assert "solutions read: 48 of 48" in first.err
    new = [
        {"problem": "What is 50 + 2?", "solution": f"I add 50 and 2.\n\n{way}, so it is \\boxed{{{answer}}}."}
        for way, answer in (("That is a sum", 52), ("I only guess", 53))
    ]
    verified = here("verify", write(clean / "new.jsonl", *new), "-m", tiny, "--verifier", "head:small", "--json", "-q")
    right, wrong = (json.loads(line)["score"] for line in verified.out.splitlines())
    assert 0 < wrong < right < 1
    solved = here(
        *("solve", "What is 5 + 2?", "-m", tiny, "--method", "beam:m=2", "--verifier", "head:small"),
        *("-b", "2", "--max-tokens", "30", "--json", "-q", "--answer", "text"),
    )
    assert all(each["step_scores"] for each in json.loads(solved.out)["candidates"])


def test_what_a_file_does_not_have_is_drawn_once(here: Call, data: str, clean: Path, tiny: str) -> None:
    file = write_solutions(clean / "s.jsonl", problems=9)
    asked = ("train", "verifier", data, "-m", tiny, "--solutions", file, "-k", "2")
    command = (*asked, "--max-tokens", "30", "--store", "s.sqlite3", "-o", "h", "--force", "--json")
    first = here(*command)
    assert first.code == 0, first.err
    assert "3/3 " in first.err
    assert "solutions read: 36 of 36" in first.err
    card = json.loads(first.out)["card"]
    counts = [card[part] for part in ("train", "held_out")]
    assert sum(each["given"] for each in counts) == 36
    assert sum(each["drawn"] + each["left_out_without_answer"] for each in counts) == 6
    with closing(sqlite3.connect(clean / "s.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM sample GROUP BY source ORDER BY 1").fetchall() == [(6,), (36,)]
    again = here(*command)
    assert "solutions read" not in again.err
    assert {**json.loads(again.out)["card"], "date": ""} == {**card, "date": ""}


def test_states_are_kept_as_solutions_are_drawn(
    here: Call, data: str, tiny: str, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTC_WIDTH", "4")
    sizes = ("--limit", "8", "-k", "2", "--max-tokens", "30", "--store", "s.sqlite3")
    result = here("train", "verifier", data, "-m", tiny, *sizes)
    assert result.code == 2  # random bytes have no answer to judge by
    assert "no solution of the 2 held-out problems has an answer" in result.err
    assert "solutions read" not in result.err
    with closing(sqlite3.connect(clean / "s.sqlite3")) as connection:
        query = "SELECT count(DISTINCT sample), count(DISTINCT layer), min(length(states)) FROM state"
        assert connection.execute(query).fetchone() == (16, 2, 2 * 64)
        odd = "SELECT count(*) FROM state JOIN sample ON sample.id = sample WHERE length(states) != ?"
        assert connection.execute(f"{odd} * json_array_length(steps)", (2 * 64,)).fetchone() == (0,)
