from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_models import ADAPTED

from train.lora.made import CARD, arrays
from ttcli.engine.adapter import Adapter
from ttcli.engine.branch import Branch
from ttcli.engine.model import Model
from ttcli.errors import ModelError, TtcError
from ttcli.files.trained import read_facts
from ttcli.train.lora.adapter_file import write_adapter
from ttcli.train.lora.shape import read_shape
from ttcli.verifier.reader import Reader


def row(model: Model, adapter: Adapter | None) -> NDArray[np.float64]:
    reader = Reader(model, "tiny", range(model.vocabulary), adapter=adapter)
    reader.reserve(20, 1)
    try:
        rows = reader.read([Branch(None, model.tokenize("12+3*4 makes", special=False))])
        return rows.reshape(-1)
    finally:
        reader.close()


@pytest.mark.parametrize("family", ADAPTED)
def test_what_is_written_llama_cpp_computes_with(
    tiny_path: Callable[[str], Path], tiny_model: Callable[[str], Model], tmp_path: Path, family: str
) -> None:
    shape = read_shape(tiny_path(family))
    assert (shape.family, shape.layers, shape.width, shape.heads, shape.shared_heads) == (family, 4, 64, 4, 2)
    own = arrays(shape)
    write_adapter(tmp_path / "deep" / "a.gguf", own, CARD, alpha=8.0, family=family)
    nothing = {name: values * (not name.endswith("lora_b")) for name, values in own.items()}
    write_adapter(tmp_path / "none.gguf", nothing, CARD, alpha=8.0, family=family)
    model = tiny_model(family)
    plain = row(model, None)
    assert np.allclose(row(model, Adapter(model, tmp_path / "none.gguf")), plain, atol=1e-3)
    assert np.abs(row(model, Adapter(model, tmp_path / "deep" / "a.gguf")) - plain).max() > 1


def test_an_adapter_tells_what_it_was_trained_on(tiny_path: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    write_adapter(path, arrays(read_shape(tiny_path("llama"))), CARD, alpha=8.0, family="llama")
    facts = read_facts(path)
    assert (facts.adapter, facts.kind, facts.model, facts.weights) == (True, "reviser", "tiny", "f" * 64)
    assert facts.card == CARD
    assert not read_facts(tiny_path("llama")).adapter
    assert read_facts(tiny_path("llama")).kind is None


@pytest.mark.parametrize("family", ["gemma3", "qwen3moe", "lfm2"])
def test_other_families_are_refused(tiny_path: Callable[[str], Path], family: str) -> None:
    with pytest.raises(ModelError, match=f"is of the architecture {family}, on which ttc trains no adapters") as caught:
        read_shape(tiny_path(family))
    assert "llama, qwen2, qwen3" in (caught.value.hint or "")


def test_a_full_disk_leaves_neither_half_an_adapter_nor_spoils_the_one_before(
    tiny_path: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"before")

    def full(self: gguf.GGUFWriter) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gguf.GGUFWriter, "write_tensors_to_file", full)
    with pytest.raises(TtcError, match=r"cannot write .*a\.gguf: No space left") as caught:
        write_adapter(path, arrays(read_shape(tiny_path("llama"))), CARD, alpha=8.0, family="llama")
    assert "the same command again" in (caught.value.hint or "")
    assert [each.name for each in tmp_path.iterdir()] == ["a.gguf"]
    assert path.read_bytes() == b"before"
