"""Torch against llama.cpp, on tiny models of every family; skipped where torch is not installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_models import ADAPTED

from train.lora.made import CARD, arrays
from ttcli.engine.adapter import Adapter
from ttcli.engine.branch import Branch
from ttcli.engine.model import Model
from ttcli.train.lora.adapter_file import write_adapter
from ttcli.train.lora.shape import read_shape
from ttcli.verifier.reader import Reader

torch = pytest.importorskip("torch", reason="adapters are trained by torch, which is not installed")

APART = 0.05  # of the spread of logits


@pytest.mark.parametrize("family", ADAPTED)
def test_logits_of_llama_cpp_with_an_adapter_are_those_of_torch(
    tiny_path: Callable[[str], Path], tiny_model: Callable[[str], Model], tmp_path: Path, family: str
) -> None:
    from ttcli.train.lora.net import Net, read_weights

    path, model = tiny_path(family), tiny_model(family)
    shape = read_shape(path)
    own = arrays(shape)
    write_adapter(tmp_path / "a.gguf", own, CARD, alpha=8.0, family=family)
    net = Net(shape, read_weights(path), rank=4, alpha=8.0).eval()
    ids = model.tokenize("Three fruits are apples, pears and", special=False)
    reader = Reader(model, "tiny", range(model.vocabulary), adapter=Adapter(model, tmp_path / "a.gguf"))
    reader.reserve(64, 1)
    theirs = reader.read([Branch(None, ids)])[0]
    reader.close()
    with torch.no_grad():
        plain = net.logits(net(torch.tensor([ids]))[0, -1]).numpy()
        for name, each in net.trained().items():
            each.data = torch.from_numpy(own[name].copy())
        ours = net.logits(net(torch.tensor([[*ids, 5, 5]]))[0, -3]).numpy()  # what comes behind changes nothing
    assert np.abs(ours - theirs).max() < APART * theirs.std()
    assert np.abs(ours - plain).max() > 1


def test_an_adapter_begins_as_no_change(tiny_path: Callable[[str], Path]) -> None:
    from ttcli.train.lora.net import Net, read_weights

    path = tiny_path("llama")
    nets = [Net(read_shape(path), read_weights(path), rank=rank, alpha=9.0, seed=rank).eval() for rank in (1, 5)]
    with torch.no_grad():
        one, other = (net(torch.tensor([[1, 2, 3]])) for net in nets)
    assert torch.equal(one, other)
    assert all(not each.requires_grad for name, each in nets[0].named_parameters() if name.split(".")[-1] not in "ab")
