from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from ttcli.errors import StoreError, UsageError
from ttcli.files import atomic
from ttcli.train.lora.checkpoint import Checkpoint, Progress

CONFIGURATION = {"kind": "prm", "weights": "f" * 64, "examples": "a" * 64, "seed": 0, "rank": 4}


def made(**progress: object) -> Checkpoint:
    now, best = ({"blk.0.attn_q.weight.lora_a": np.full((4, 6), value, np.float32)} for value in (1.0, 2.0))
    told = Progress(7, 900, 12.5, 0.25, [(3, 0.5), (6, 0.75)], **progress)  # type: ignore[arg-type]
    return Checkpoint(CONFIGURATION, told, now, best, ({"m": np.zeros(3, np.float32)}, {"m": np.ones(3, np.float32)}))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x.checkpoint"
    made().write(path)
    read = Checkpoint.read(path, CONFIGURATION)
    assert read is not None
    assert read.progress == made().progress
    assert read.progress.best == (3, 0.5)
    assert read.progress.worse() == 1
    assert read.now["blk.0.attn_q.weight.lora_a"].tolist() == [[1.0] * 6] * 4
    assert read.best["blk.0.attn_q.weight.lora_a"].tolist() == [[2.0] * 6] * 4
    assert read.moments[1]["m"].tolist() == [1, 1, 1]
    assert Checkpoint.read(tmp_path / "none.checkpoint", CONFIGURATION) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rank": 8}, "was begun with rank 4 instead of 8"),
        ({"weights": "e" * 64}, "was begun on another model"),
        ({"examples": "b" * 64}, "was begun from other solutions"),
        ({"kind": "reviser"}, r"was begun for another purpose \(prm instead of reviser\)"),
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    made().write(tmp_path / "x")
    with pytest.raises(UsageError, match=said) as caught:
        Checkpoint.read(tmp_path / "x", {**CONFIGURATION, **change})
    assert "--restart" in (caught.value.hint or "")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_what_is_no_checkpoint_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(StoreError, match="cannot be read") as caught:
        Checkpoint.read(tmp_path / "x", CONFIGURATION)
    assert "--restart" in (caught.value.hint or "")


def test_a_full_disk_leaves_the_checkpoint_before_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    made().write(path)
    before = path.read_bytes()

    def full(_content: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None: ...

        write = staticmethod(full)

    monkeypatch.setattr(atomic, "_replacing", lambda _path: Full())
    with pytest.raises(StoreError, match=r"cannot write the checkpoint .*No space left") as caught:
        made(done=True).write(path)
    assert "the same command again" in (caught.value.hint or "")
    assert path.read_bytes() == before
