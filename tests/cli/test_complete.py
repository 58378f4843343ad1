"""What the shell is offered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HANG

from cli.calls import Call


def offered(*words: str, home: Path) -> list[str]:
    """What bash is told while the last word is being typed."""
    command = [sys.executable, "-m", "ttcli"]
    environment = {
        **os.environ,
        "_TTC_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["ttc", *words]),
        "COMP_CWORD": str(len(words)),
        "TTC_HOME": str(home),
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=HANG, check=False)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("solve", "--method", "bea"), ["beam"]),
        (("bench", "--verifier", "conf"), ["confidence", "confidence:weakest", "confidence:tail", "confidence:lowest"]),
        (("solve", "--model", "smol"), ["smollm2-135m"]),
        (("models", "info", "smol"), ["smollm2-135m"]),
        (("profile", "show", ""), []),
        (("runs", "show", ""), []),
    ],
)
def test_names_are_completed(tmp_path: Path, words: tuple[str, ...], expected: list[str]) -> None:
    assert offered(*words, home=tmp_path) == expected


def test_runs_are_completed_from_the_store(here: Call, clean: Path, script: str) -> None:
    (clean / "data.jsonl").write_text('{"problem": "What is 1 + 1?", "answer": "2"}\n', encoding="utf-8")
    store = clean / "runs.sqlite3"
    assert here("bench", "data.jsonl", "--model", script, "--budget", "2", "--store", str(store)).code == 0
    last, run = offered("runs", "show", "", home=clean)
    assert last == "last"
    assert offered("runs", "show", run[:2], home=clean) == [run]
