"""What kinds of GGUF people have: each works, or has an error of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_models import ARCHITECTURES, write_tiny

from ttcli.engine.branch import Branch
from ttcli.engine.job import Job, StopCriteria
from ttcli.engine.library import knows
from ttcli.engine.model import Model, describe
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import generator
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import Session
from ttcli.engine.template import ChatTemplate
from ttcli.errors import ModelError

HOT = SamplingParams(temperature=4.0, top_k=0, top_p=1.0)  # random weights repeat themselves at less
USER = [{"role": "user", "content": "What is 7 + 5?"}]


def grow(model: Model) -> list[str]:
    """Texts of a model, drawn together from a chat that goes beyond a sliding window."""
    session = Session(model, cells=1024, width=4, threads=1)
    try:
        scheduler = Scheduler(session)
        root = Branch(None, ChatTemplate(model).encode(USER * 4))
        jobs = [Job(root, HOT, StopCriteria(12), generator(key)) for key in range(4)]
        for job in jobs:
            scheduler.submit(job)
        while not all(job.finished for job in jobs):
            scheduler.step()
        scheduler.release(root)
        assert session.cells_used == 0
        return ["".join(step.text for step in job.steps) for job in jobs]
    finally:
        session.close()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_writes(tiny_model: Callable[[str], Model], architecture: str) -> None:
    model = tiny_model(architecture)
    texts = grow(model)
    assert all(texts)
    assert len(set(texts)) > 1
    assert grow(model) == texts


def test_a_split_model_writes_what_it_writes_in_one_file(tiny_model: Callable[[str], Model], tmp_path: Path) -> None:
    write_tiny(tmp_path / "tiny.gguf", "qwen35", split=30)
    files = sorted(tmp_path.glob("*.gguf"))
    assert len(files) > 1
    model, whole = Model(files[0]), tiny_model("qwen35")
    assert (model.parameters, model.matmul_parameters) == (whole.parameters, whole.matmul_parameters)
    assert grow(model) == grow(whole)
    model.close()
    with pytest.raises(ModelError, match="part 2 of"):
        Model(files[1])
    files[1].unlink()
    with pytest.raises(ModelError, match="missing"):
        Model(files[0])


@pytest.mark.parametrize("bos", [False, True])
def test_a_prompt_begins_with_bos_where_the_model_wants_it(tmp_path: Path, bos: bool) -> None:
    model = Model(write_tiny(tmp_path / "tiny.gguf", "llama", bos=bos))
    ids = ChatTemplate(model).encode(USER)
    assert (ids[0] == model.special_token("bos")) is bos
    assert model.bos == (ids[0] if bos else None)
    assert all(grow(model))
    model.close()


def test_a_model_without_a_chat_template_says_so(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "base.gguf", "llama", template=None)
    model = Model(path)
    with pytest.raises(ModelError, match=r"base\.gguf has no chat template") as caught:
        ChatTemplate(model)
    assert caught.value.hint
    assert describe(model)["policy"] == "no: it has no chat template"
    model.close()


def test_a_model_that_reads_both_ways_is_refused(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "embedder.gguf", "llama", causal=False)
    model = Model(path)
    with pytest.raises(ModelError, match=r"embedder\.gguf is an encoder model") as caught:
        Session(model, cells=256, width=1)
    assert caught.value.hint
    assert "encoder" in str(describe(model)["policy"])
    model.close()


@pytest.mark.parametrize(
    ("kind", "memory"),
    [
        ("llama", "attention: forks anywhere, 0.5 kB a token"),
        ("qwen35", "hybrid: forks at the end of a text, 0.01 MB a text and 0.3 kB a token"),
        ("mamba", "recurrent: forks at the end of a text, 0.04 MB a text"),
    ],
)
def test_a_description_tells_what_a_text_takes(tiny_path: Callable[[str], Path], kind: str, memory: str) -> None:
    model = Model(tiny_path(kind))
    assert describe(model)["memory"] == memory
    model.close()


def test_the_library_tells_which_architectures_it_knows() -> None:
    assert all(map(knows, ARCHITECTURES))
    assert not any(map(knows, ("gptoss", "mllama", "qwen99")))  # the first two are Ollama's own words
