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
        ("scripted", ("scripted", None)),
    ],
)
def test_a_verifier_is_read(text: str, spec: tuple[str, str | None]) -> None:
    assert VerifierSpec.parse(text) == spec


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
        "scripted:x",
        "prm:x",
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
        assert VerifierSpec.parse(text).kind in {"confidence", "weakest", "judge", "scripted"}
