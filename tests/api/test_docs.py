"""The examples of docs/python.md run, on a script in the place of a model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(encoding="utf-8"), re.DOTALL)


def test_all_examples_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script.json"
    lines = [
        {"text": "17 * 23 = 391.\n\nSo it is \\boxed{391}.", "score": 0.9},
        {"text": "Maybe \\boxed{400}", "score": 0.1},
    ]
    script.write_text(json.dumps({"": lines}), encoding="utf-8")
    monkeypatch.setenv("TTC_HOME", str(tmp_path))
    known: dict[str, object] = {}
    assert len(EXAMPLES) > 5
    for example in EXAMPLES:
        runnable = example.replace("qwen2.5-coder-0.5b", f"scripted:{script}")
        runnable = re.sub(r', verifiers=\["judge"\]', ', verifiers=["scripted", "command:true"]', runnable)
        runnable = re.sub(r'(score\(.*)verifier="judge"', r'\1verifier="command:true"', runnable)
        runnable = runnable.replace('verifier="judge"', 'verifier="scripted"')
        exec(compile(runnable, "docs/python.md", "exec"), known)
        for expression, value in re.findall(r'^(answers\.\S.*\))\s+# (None|True|False|"[^"]*")', example, re.MULTILINE):
            assert eval(expression, known) == eval(value), expression
    result = known["result"]
    assert getattr(result, "answer") in ("391", "400")  # noqa: B009
