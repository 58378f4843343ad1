from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ttcli.errors import ModelError
from ttcli.files.gguf import check_model, read_header
from ttcli.files.parts import part_paths, parts

TOKENS = [b"<unk>", *(f"<0x{byte:02X}>".encode() for byte in range(256))]
Fill = Callable[[gguf.GGUFWriter], None]


def written(path: Path, change: Fill = lambda _: None, **replaced: Any) -> Path:
    """A header that may be, but for what is changed; None leaves a key out."""
    values = {
        "block_count": 2, "context_length": 64, "embedding_length": 32, "attention.head_count": 4,
        "attention.head_count_kv": 2,
    }  # fmt: skip
    values |= {key: value for key, value in replaced.items() if key not in ("epsilon", "tokenizer")}
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in values.items():
        if value is not None:
            writer.add_uint32(f"llama.{key}", value)
    writer.add_layer_norm_rms_eps(replaced.get("epsilon", 1e-5))
    writer.add_tokenizer_model(replaced.get("tokenizer", "llama"))
    change(writer)
    if "tokenizer.ggml.tokens" not in writer.kv_data[0]:
        writer.add_token_list(TOKENS)
    writer.add_tensor("token_embd.weight", np.zeros((257, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_header_is_read(tmp_path: Path) -> None:
    header = read_header(written(tmp_path / "tiny.gguf"))
    assert header.metadata["general.architecture"] == "llama"
    assert header.metadata["llama.block_count"] == 2
    assert header.metadata["tokenizer.ggml.tokens"].values == tuple(TOKENS)
    assert [(tensor.name, tensor.shape, tensor.size) for tensor in header.tensors] == [
        ("token_embd.weight", (32, 257), 8224)
    ]
    assert len(check_model(tmp_path / "tiny.gguf")) == 1


@pytest.mark.parametrize(
    ("replaced", "reason"),
    [
        ({"block_count": 0}, "llama.block_count is 0"),
        ({"block_count": 513}, "from 1 to 512"),
        ({"block_count": 10**6}, "llama.block_count is 1000000"),
        ({"block_count": 2**31}, "llama.block_count is 2,147,483,648"),
        ({"block_count": None}, "llama.block_count is missing"),
        ({"embedding_length": 0}, "llama.embedding_length is 0"),
        ({"context_length": 0}, "llama.context_length is 0"),
        ({"attention.head_count_kv": 3}, "4 heads cannot share 3"),
        ({"attention.head_count": 2**31 - 1, "attention.head_count_kv": 1}, "the number of its heads"),
        ({"feed_forward_length": 2**32 - 1}, "llama.feed_forward_length is 4,294,967,295"),
        ({"epsilon": -1.0}, "must be from 0 to 1"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
        ({"tokenizer": "none"}, "no tokenizer"),
        ({"tokenizer": "no_vocab"}, "no tokenizer"),
        ({"tokenizer": "gpt2"}, "tells no merges"),
    ],
)
def test_what_ends_llama_cpp_is_refused_by_name(tmp_path: Path, replaced: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelError, match=r"tiny\.gguf is no usable GGUF: ") as caught:
        check_model(written(tmp_path / "tiny.gguf", **replaced))
    assert reason in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda writer: writer.add_token_list(TOKENS[:-1]), "no token for the byte 255"),
        (lambda writer: writer.add_token_scores([0.0] * 3), "scores does not tell of 257 tokens"),
        (lambda writer: writer.add_float32("llama.rope.freq_base", float("inf")), "freq_base is inf"),
        (lambda writer: writer.add_uint32("split.count", 3), "not part 1 of 1"),
    ],
)
def test_so_is_a_key_that_does_not_fit(tmp_path: Path, change: Fill, reason: str) -> None:
    with pytest.raises(ModelError) as caught:
        check_model(written(tmp_path / "tiny.gguf", change))
    assert reason in str(caught.value)


def patched(path: Path, at: int, number: int, form: str) -> Path:
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, at, number)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("at", "number", "form", "reason"),
    [
        (4, 1, "<I", "its version is 1"),
        (4, 3 << 24, "<I", "its version is"),
        (8, 2**63, "<Q", "for which it is too short"),
        (16, 2**40, "<Q", "for which it is too short"),
        (24, 2**62, "<Q", "in the middle of a text"),
    ],
)
def test_counts_that_the_file_is_too_short_for_are_refused(
    tmp_path: Path, at: int, number: int, form: str, reason: str
) -> None:
    with pytest.raises(ModelError) as caught:
        read_header(patched(written(tmp_path / "tiny.gguf"), at, number, form))
    assert reason in str(caught.value)


def test_a_tensor_lies_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "tiny.gguf")
    path.write_bytes(path.read_bytes()[:-4096])
    with pytest.raises(ModelError, match=r"token_embd\.weight would end [\d,]+ bytes behind its end"):
        read_header(path)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_damage_to_a_header_is_anything_but_a_header_or_an_error(tmp_path: Path, data: st.DataObject) -> None:
    whole = (tmp_path / "whole.gguf").read_bytes() if (tmp_path / "whole.gguf").exists() else b""
    content = bytearray(whole or written(tmp_path / "whole.gguf").read_bytes())
    end = len(content) - 257 * 32 * 4
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(4, end - 8))
        number = data.draw(st.sampled_from([0, 1, 9, 255, 2**31, 2**32 - 1]) | st.integers(0, 2**32 - 1))
        struct.pack_into("<I", content, at, number)
    path = tmp_path / "damaged.gguf"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    with suppress(ModelError):
        check_model(path)


def test_the_parts_of_a_model_are_found_by_the_first_and_checked_each(tmp_path: Path) -> None:
    first, second = part_paths(tmp_path / "tiny-00001-of-00002.gguf")
    assert second.name == "tiny-00002-of-00002.gguf"
    assert part_paths(tmp_path / "tiny.gguf") == [tmp_path / "tiny.gguf"]

    def part(number: int) -> Fill:
        def fill(writer: gguf.GGUFWriter) -> None:
            writer.add_uint16("split.no", number)
            writer.add_uint16("split.count", 2)

        return fill

    written(first, part(0))
    with pytest.raises(ModelError, match="first of 2 files"):
        check_model(first)
    written(second, part(1))
    assert len(check_model(first)) == 2
    written(second, part(0))
    with pytest.raises(ModelError, match="it is not part 2 of 2"):
        check_model(first)
    second.write_bytes(first.read_bytes()[:200])
    with pytest.raises(ModelError, match="00002-of-00002"):
        check_model(first)


def test_a_model_in_one_file_is_that_file(tmp_path: Path) -> None:
    for name in ("m.gguf", "m-00001.gguf", "m-1-of-2.gguf"):
        assert parts(tmp_path / name) == [tmp_path / name]


def test_a_split_model_is_all_its_files(tmp_path: Path) -> None:
    files = [tmp_path / f"m-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    for file in files:
        file.touch()
    assert parts(files[0]) == files


def test_a_part_that_is_not_the_first_names_the_first(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is part 2 of 3 of a model") as caught:
        parts(tmp_path / "m-00002-of-00003.gguf")
    assert caught.value.hint == f"name the first: {tmp_path / 'm-00001-of-00003.gguf'}"


def test_parts_that_are_missing_are_named(tmp_path: Path) -> None:
    (tmp_path / "m-00003-of-00004.gguf").touch()
    with pytest.raises(
        ModelError, match=r"the first of 4 files .* 2 are missing: m-00002-of-00004.gguf, ..."
    ) as caught:
        parts(tmp_path / "m-00001-of-00004.gguf")
    assert str(tmp_path) in (caught.value.hint or "")
