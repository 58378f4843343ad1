from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttcli.errors import UsageError
from ttcli.verifier.spec import VerifierSpec


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("confidence", ("confidence", None)),
        ("confidence:weakest", ("weakest", None)),
        ("judge", ("judge", None)),
        ("judge:qwen2.5-coder-1.5b", ("judge", "qwen2.5-coder-1.5b")),
        ("judge:hf:owner/repo/file.gguf", ("judge", "hf:owner/repo/file.gguf")),
        ("judge:./a file.gguf", ("judge", "./a file.gguf")),
        ("head", ("head", None)),
        ("head:gsm8k", ("head", "gsm8k")),
        ("head:./a file.safetensors", ("head", "./a file.safetensors")),
        ("prm:llama3.1-8b-prm", ("prm", "llama3.1-8b-prm")),
        ("likelihood:./a file.gguf", ("likelihood", "./a file.gguf")),
        ("command:./run_tests.sh --fast", ("command", "./run_tests.sh --fast")),
        ("command:sh -c 'test: 1'", ("command", "sh -c 'test: 1'")),
        ("scripted", ("scripted", None)),
    ],
)
def test_a_verifier_is_read(text: str, spec: tuple[str, str | None]) -> None:
    assert VerifierSpec.parse(text) == spec
    assert str(VerifierSpec.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "weakest",
        "confidence:",
        "confidence:strongest",
        "judge:",
        "Judge",
        "judge ",
        "head:",
        "scripted:x",
        "prm",
        "prm:",
        "likelihood",
        "likelihood: ",
        "command",
        "command: ",
        "a:b",
    ],
)
def test_any_other_is_refused_with_the_list(text: str) -> None:
    with pytest.raises(UsageError, match="there is no verifier") as caught:
        VerifierSpec.parse(text)
    assert "judge:MODEL" in (caught.value.hint or "")


@given(st.text(max_size=15))
def test_any_text_is_a_verifier_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        spec = VerifierSpec.parse(text)
        assert spec.kind in {"confidence", "weakest", "prm", "head", "judge", "command", "scripted"}
        assert VerifierSpec.parse(str(spec)) == spec


def test_only_a_command_needs_solutions_that_are_finished_and_not_all_score_steps() -> None:
    named = ["confidence", "confidence:weakest", "prm:x", "head", "judge", "command:x", "scripted"]
    specs = [VerifierSpec.parse(name) for name in named]
    assert [str(spec) for spec in specs if not spec.partial] == ["command:x"]
    assert [str(spec) for spec in specs if not spec.scores_steps] == ["judge", "command:x"]
