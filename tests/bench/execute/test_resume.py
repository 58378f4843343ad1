"""A bench on the small real model, killed in the middle: `benchmarks/resume.py` in small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from patience import HANG

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "resume.py"


def test_a_bench_that_was_killed_goes_on_and_loses_doubles_and_changes_nothing(
    small_model_path: Path, tmp_path: Path
) -> None:
    rows = [{"problem": f"What is {number} + {number}?", "answer": str(2 * number)} for number in range(1, 7)]
    (tmp_path / "data.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    sizes = ("--problems", "6", "--kills", "1", "--budget", "4", "--max-tokens", "24", "--seed", "1")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--data", "data.jsonl", "--model", str(small_model_path), *sizes],
        cwd=tmp_path,
        env={**os.environ, "TTC_HOME": str(tmp_path / "home"), "TTC_WIDTH": "4"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=HANG,
        check=False,
    )
    found = json.loads(done.stdout)
    assert [kill["killed"] for kill in found["kills"]] == [True]
    assert 0 < found["kills"][0]["samples"] < 24
    assert (found["samples"], found["done"], found["failed"]) == (24, 6, 0)
    assert (found["lost"], found["changed"], found["doubled"], found["unsound"], found["incomplete"]) == (0,) * 5
    assert found["same_summary"]
    assert done.returncode == 0
