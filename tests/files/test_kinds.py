"""Files that end in .gguf and are no model to write with, told by their headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from ttcli.errors import ModelError
from ttcli.files.gguf import Array, check_model
from ttcli.files.kinds import lost_head, memory_kind, no_model, no_writer

WORDS = {"general.architecture": "llama", "tokenizer.ggml.model": "gpt2"}
TABLE = ("token_embd.weight", "blk.0.attn_q.weight")


@pytest.mark.parametrize(
    ("metadata", "tensors", "reason"),
    [
        ({"general.architecture": "llama", "general.type": "adapter"}, ["blk.0.attn_q.weight.lora_a"], "LoRA adapter"),
        ({"general.architecture": "llama", "adapter.type": "lora"}, [], "LoRA adapter"),
        ({"general.architecture": "clip"}, ["v.patch_embd.weight"], "projector"),
        ({"general.architecture": "qwen3vl", "general.type": "mmproj"}, [], "projector"),
        ({"general.type": "imatrix"}, [], "importance matrix"),
        ({"general.architecture": "controlvector"}, ["direction.1"], "control vector"),
        ({"general.architecture": "flux"}, ["double_blocks.0.img_mod.lin.weight"], r"makes pictures \(flux\)"),
        ({"general.architecture": "gemma3", **WORDS}, [*TABLE, "v.blk.0.attn_q.weight"], "holds a tower for pictures"),
        (WORDS, [], "holds a vocabulary and no weights"),
    ],
)
def test_what_is_no_language_model_is_told(metadata: dict[str, Any], tensors: list[str], reason: str) -> None:
    found = no_model(metadata, tensors)
    assert found is not None
    assert found.hint
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(found.reason)


@pytest.mark.parametrize("architecture", ["llama", "qwen35", "bert", "t5"])
def test_language_models_and_encoders_are_left_to_the_engine(architecture: str) -> None:
    assert no_model({**WORDS, "general.architecture": architecture}, TABLE) is None
    assert no_model({**WORDS, "split.count": 3}, ()) is None  # tensors are in later files


def test_an_adapter_as_a_model_is_one_error_with_the_option_it_belongs_to(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_tensor("blk.0.attn_q.weight.lora_a", np.zeros((4, 64), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match=r"mine\.gguf is a LoRA adapter, and no model") as caught:
        check_model(path)
    assert "--reviser" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("metadata", "output", "reason"),
    [
        ({"general.architecture": "dream"}, True, "diffusion"),
        ({"general.architecture": "bert"}, False, "encoder"),
        ({"general.architecture": "llama", "llama.attention.causal": False}, True, "encoder"),
        ({"general.architecture": "llama", "llama.attention.causal": "false"}, True, "encoder"),
        ({"general.architecture": "qwen3", "qwen3.pooling_type": 3}, False, "embedder"),
        ({"general.architecture": "qwen3", "qwen3.pooling_type": "4"}, True, "classifier"),
        ({"general.architecture": "qwen2", "qwen2.embedding_length": 3584}, False, "no table at its output"),
        ({"general.architecture": "qwen2", "qwen2.embedding_length": 3584}, True, None),
        ({"general.architecture": "qwen2", "qwen2.embedding_length": "1536"}, False, None),  # tied, as published
        ({"general.architecture": "gemma3", "gemma3.embedding_length": 5376}, False, None),
        ({"general.architecture": "qwen3", "qwen3.pooling_type": 0}, False, None),
    ],
)
def test_a_language_model_that_writes_no_text_is_told(
    metadata: dict[str, Any], output: bool, reason: str | None
) -> None:
    found = no_writer(metadata.get, lambda: output)
    assert (found is None) == (reason is None)
    assert (reason or "") in (found or "")


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("Qwen2.5-Math-PRM-7B.Q4_K_M.gguf", True),
        ("Qwen2.5 Math 7B PRM800K", True),
        ("PRM-Math-7B-Reasoner.i1-Q4_K_M.gguf", True),
        ("Skywork-o1-Open-PRM-Qwen-2.5-1.5B", True),
        ("Skywork_Reward_V2_Qwen3_8B", True),
        ("ReasonFlux-PRM-7B", True),
        ("Qwen2.5-Math-RM-72B", True),
        ("math-shepherd-mistral-7b-prm", False),  # says + and - as tokens
        ("Llama3.1-8B-PRM-Deepseek-Data", False),
        ("VersaPRM-Base-3B", False),
        ("ThinkPRM-1.5B", False),
        ("Qwen2.5-Math-7B-Instruct", False),
        ("qwen2.5-coder-0.5b", False),
    ],
)
def test_reward_models_that_lose_their_heads_are_known_by_their_names(name: str, lost: bool) -> None:
    assert lost_head(name) is lost


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ({"general.architecture": "qwen35", "qwen35.ssm.state_size": 16}, "hybrid"),
        ({"general.architecture": "lfm2", "lfm2.shortconv.l_cache": 3}, "hybrid"),
        ({"general.architecture": "kimi-linear", "kimi-linear.kda.head_dim": 3}, "hybrid"),
        ({"general.architecture": "mamba", "mamba.ssm.state_size": 16}, "recurrent"),
        ({"general.architecture": "rwkv7", "rwkv7.wkv.head_size": 64}, "recurrent"),
        ({"general.architecture": "gemma3", "gemma3.attention.sliding_window": 512}, "attention"),
        ({"general.architecture": "llama", "llama.rope.scaling.factor": 2.0, "x": Array(4, (1,))}, "attention"),
    ],
)
def test_the_memory_is_told_by_the_keys_of_its_layers(metadata: dict[str, Any], kind: str) -> None:
    assert memory_kind(metadata) == kind
