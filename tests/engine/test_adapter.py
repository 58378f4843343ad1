from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.adapters import write_adapter
from engine.conftest import MakeSession
from ttcli.engine.adapter import Adapter
from ttcli.engine.branch import Branch, Piece
from ttcli.engine.model import Model
from ttcli.errors import ModelError


def logits(make_session: MakeSession, model: Model, adapter: Adapter | None) -> NDArray[np.float32]:
    session = make_session(adapter=adapter)
    branch = Branch(None, model.tokenize("Three fruits are apples, pears and", special=False))
    session.attach(branch)
    row: NDArray[np.float32] = session.decode([Piece(branch, len(branch.tokens), True)])[0].copy()
    return row


def test_an_adapter_changes_what_its_own_context_computes_and_no_other(
    make_session: MakeSession, small_model: Model, tmp_path: Path
) -> None:
    before = logits(make_session, small_model, None)
    adapter = Adapter(small_model, write_adapter(tmp_path / "lora.gguf"))
    changed = logits(make_session, small_model, adapter)
    assert np.abs(changed - before).max() > 0.5
    assert np.array_equal(logits(make_session, small_model, None), before)
    assert np.array_equal(logits(make_session, small_model, adapter), changed)


def test_an_adapter_whose_second_factor_is_zero_changes_nothing(
    make_session: MakeSession, small_model: Model, tmp_path: Path
) -> None:
    nothing = Adapter(small_model, write_adapter(tmp_path / "zero.gguf", scale=0.0))
    assert np.allclose(logits(make_session, small_model, nothing), logits(make_session, small_model, None), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"kind": "model"}, "general.type"),
        ({"architecture": "qwen2"}, "arch"),
        ({"width": 64}, "shape|size|dimension"),
    ],
    ids=["a model", "another architecture", "another size"],
)
def test_what_is_no_adapter_for_this_model_is_refused(
    small_model: Model, tmp_path: Path, options: dict[str, object], reason: str
) -> None:
    path = write_adapter(tmp_path / "other.gguf", **options)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=f"is no LoRA adapter for SmolLM2.*({reason})") as caught:
        Adapter(small_model, path)
    assert "LoRA adapter of this very model" in (caught.value.hint or "")


def test_the_model_itself_is_no_adapter(small_model: Model) -> None:
    with pytest.raises(ModelError, match="is no LoRA adapter"):
        Adapter(small_model, small_model.path)


def test_a_file_that_is_missing_or_no_gguf_is_refused(small_model: Model, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot read"):
        Adapter(small_model, tmp_path / "missing.gguf")
    (tmp_path / "text.gguf").write_text("hello, this is text")
    with pytest.raises(ModelError, match="not a GGUF"):
        Adapter(small_model, tmp_path / "text.gguf")
