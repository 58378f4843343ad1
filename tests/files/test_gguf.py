from __future__ import annotations

from pathlib import Path

import pytest

from ttcli.errors import ModelError
from ttcli.files.gguf import parts


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
