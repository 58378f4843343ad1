from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttcli.engine.memory import Memory
from ttcli.engine.model import Model, describe
from ttcli.errors import ModelError


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read .*none\.gguf: No such file") as caught:
        Model(tmp_path / "none.gguf")
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"", b"GG", b"<html>not found</html>", b"\0" * 64])
def test_a_file_that_is_no_gguf_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "page.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not a GGUF file"):
        Model(path)


@pytest.mark.parametrize("size", [4, 24, 5_000, 3_000_000, 60_000_000])
def test_a_truncated_gguf_is_an_error_with_the_reason(tmp_path: Path, small_model_path: Path, size: int) -> None:
    path = tmp_path / "short.gguf"
    with small_model_path.open("rb") as file:
        path.write_bytes(file.read(size))
    with pytest.raises(ModelError, match=r"short\.gguf is no usable GGUF: \S+") as caught:
        Model(path)
    assert "fetch" in (caught.value.hint or "")


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot read"):
        Model(tmp_path)


def test_the_facts_are_those_of_the_file(small_model: Model) -> None:
    assert small_model.context == 8192
    assert small_model.layers == 30
    assert small_model.width == 576
    assert small_model.vocabulary == 49152
    assert small_model.parameters == 134_515_008
    assert small_model.matmul_parameters == small_model.parameters  # its embeddings are tied
    assert small_model.memory == Memory("attention", 2 * 2 * 30 * 192)  # keys and values, 16 bits, 3 heads of 64
    assert small_model.metadata("general.architecture") == "llama"
    assert small_model.metadata("no.such.key") is None
    assert small_model.bos is None
    assert small_model.cannot_branch() is None


def test_the_end_of_the_turn_is_a_control_token_that_ends_generation(small_model: Model) -> None:
    [end] = small_model.tokenize("<|im_end|>", special=True)
    assert small_model.ends_generation(end)
    assert small_model.is_control(end)
    assert end == small_model.special_token("eos")
    assert small_model.piece(end) == b"<|im_end|>"


@settings(deadline=None, max_examples=100)
# its vocabulary lacks the bytes of most control characters and of the planes beyond
@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], max_codepoint=0x1FFFF), max_size=80))
def test_the_pieces_of_a_text_are_the_text(small_model: Model, text: str) -> None:
    ids = small_model.tokenize(text, special=False)
    assert not any(map(small_model.is_control, ids))
    assert b"".join(map(small_model.piece, ids)).decode() == text


def test_a_closed_model_says_so(small_model_path: Path) -> None:
    model = Model(small_model_path)
    model.close()
    model.close()
    with pytest.raises(ModelError, match="closed"):
        _ = model.context


def test_a_description_tells_whether_a_model_can_be_the_policy(
    small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = describe(small_model)
    assert facts["policy"] == facts["chat template"] == "yes"
    assert facts["architecture"] == "llama"
    monkeypatch.setattr(Model, "cannot_branch", lambda _: "is a diffusion model")
    assert describe(small_model)["policy"] == "is a diffusion model"


@pytest.mark.parametrize(
    ("predicate", "value", "word"),
    [
        ("llama_model_is_diffusion", True, "diffusion"),
        ("llama_model_has_encoder", True, "encoder"),
        ("llama_model_has_decoder", False, "encoder"),
    ],
)
def test_a_model_that_cannot_be_branched_says_why(
    small_model: Model, monkeypatch: pytest.MonkeyPatch, predicate: str, value: bool, word: str
) -> None:
    monkeypatch.setattr(small_model._lib, predicate, lambda _: value)
    assert word in (small_model.cannot_branch() or "")
