"""A model whose texts llama.cpp mixes up is found out before it is trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tiny_models import HYBRID, RECURRENT

from ttcli.engine.branch import Branch, Piece
from ttcli.engine.library import library
from ttcli.engine.model import Model
from ttcli.engine.self_test import try_memory
from ttcli.engine.session import Session
from ttcli.errors import ModelError

TIPS = (*HYBRID, *RECURRENT)


class _Leaky:
    """llama.cpp, except that a batch of several sequences has the first token of one in the place of another's."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def llama_decode(self, context: object, batch: Any) -> int:
        seqs = [batch.seq_id[n][0] for n in range(batch.n_tokens)]
        others = [n for n, seq in enumerate(seqs) if seq != seqs[0]]
        if others:
            batch.token[0], batch.token[others[0]] = batch.token[others[0]], batch.token[0]
        return int(self._library.llama_decode(context, batch))


class _Wrong(_Leaky):
    """llama.cpp, except that it decodes other tokens than it is given, once a sequence has been copied."""

    copied = False

    def llama_memory_seq_cp(self, memory: object, source: int, target: int, begin: int, end: int) -> None:
        self.copied = True
        self._library.llama_memory_seq_cp(memory, source, target, begin, end)

    def llama_decode(self, context: object, batch: Any) -> int:
        if self.copied:
            batch.token[0] += 1
        return int(self._library.llama_decode(context, batch))


def with_library(monkeypatch: pytest.MonkeyPatch, kind: type[_Leaky]) -> None:
    monkeypatch.setattr("ttcli.engine.session.library", lambda: kind(library()))


@pytest.mark.parametrize("architecture", TIPS)
def test_a_model_that_forks_faithfully_is_decoded_together(
    tiny_model: Callable[[str], Model], architecture: str
) -> None:
    model = tiny_model(architecture)
    assert try_memory(model, threads=1) == model.memory
    assert model.memory.together


@pytest.mark.parametrize("architecture", TIPS)
def test_texts_that_leak_into_each_other_are_decoded_apart(
    tiny_model: Callable[[str], Model], monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    model = tiny_model(architecture)
    with_library(monkeypatch, _Leaky)
    memory = try_memory(model, threads=1)
    assert not memory.together
    assert model.memory.together  # whoever asked decides
    monkeypatch.setattr(model, "memory", memory)
    session, alone = (Session(model, cells=256, width=n, sequences=n, threads=1, observe=(1,)) for n in (4, 1))
    texts = [Branch(None, [97 + n, 98, 99 + n]) for n in range(4)]
    for text in texts:
        session.attach(text)
    rows = session.decode([Piece(text, 3, n != 1) for n, text in enumerate(texts)])
    assert (session.decodes, session.decoded, len(rows), len(session.states)) == (1, 12, 3, 3)
    for text, row, states in zip((texts[0], *texts[2:]), rows, session.states, strict=True):
        same = Branch(None, text.tokens)
        alone.attach(same)
        np.testing.assert_allclose(row, alone.decode([Piece(same, 3, True)])[0], atol=0.05)
        np.testing.assert_allclose(states[1], alone.states[0][1], atol=0.05)
        alone.detach(same)
    session.close()
    alone.close()


def test_a_model_whose_forks_are_wrong_is_refused(
    tiny_model: Callable[[str], Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model("mamba")
    with_library(monkeypatch, _Wrong)
    with pytest.raises(ModelError, match="does not fork its state faithfully: logits are off by") as caught:
        try_memory(model, threads=1)
    assert caught.value.hint
    assert model.memory.together
