from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from io import FileIO
from pathlib import Path
from typing import IO, NamedTuple

import pytest
from filelock import FileLock
from patience import HANG, SOON

from catalog.doubles import CONTENT, HUB, QUICK, REVISION, Hub, Recorded, tiny
from ttcli.catalog import disk
from ttcli.catalog.entry import FileSource, catalog, find
from ttcli.catalog.pull import check_sha256, pull, resolve
from ttcli.errors import DownloadError, ModelError


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def copied(tmp_path: Path, content: bytes = CONTENT) -> FileSource:
    path = tmp_path / "copy.gguf"
    path.write_bytes(content)
    return FileSource(str(path))


def test_a_file_that_is_here_with_the_right_size_is_taken_as_it_is(progress: Recorded, home: Path) -> None:
    path = home / "models" / "tiny.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(len(CONTENT)))
    assert pull(tiny(), progress=progress) == path
    assert progress == Recorded()


def test_verify_fetches_a_wrong_file_again(progress: Recorded, home: Path, tmp_path: Path) -> None:
    path = home / "models" / "tiny.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(len(CONTENT)))
    with pytest.raises(DownloadError, match="has the wrong sha256") as caught:
        check_sha256(tiny(), path)
    assert caught.value.hint == "ttc models pull tiny --verify"
    assert pull(tiny(copied(tmp_path)), progress=progress, verify=True).read_bytes() == CONTENT
    check_sha256(tiny(), path)


def test_a_truncated_file_is_fetched_again(progress: Recorded, home: Path, tmp_path: Path) -> None:
    path = home / "models" / "tiny.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:1000])
    assert pull(tiny(copied(tmp_path)), progress=progress).read_bytes() == CONTENT


def test_a_local_file_is_imported_instead_of_fetched(hub: Hub, progress: Recorded, tmp_path: Path) -> None:
    source = Path(copied(tmp_path).path)
    assert pull(tiny(HUB), progress=progress, source_file=source).read_bytes() == CONTENT
    assert source.is_file()
    assert hub.gets == []


def test_an_imported_file_is_verified(progress: Recorded, tmp_path: Path) -> None:
    source = Path(copied(tmp_path, CONTENT[:-1] + b"?").path)
    with pytest.raises(DownloadError, match=r"file .*copy.gguf: wrong sha256") as caught:
        pull(tiny(HUB), progress=progress, source_file=source)
    assert caught.value.hint is not None
    assert f"--model {source}" in caught.value.hint
    with pytest.raises(DownloadError, match="cannot be read: No such file"):
        pull(tiny(HUB), progress=progress, source_file=tmp_path / "missing.gguf")


def test_every_source_that_failed_is_listed(progress: Recorded) -> None:
    entry = tiny(FileSource("/nowhere/1.gguf"), FileSource("/nowhere/2.gguf"))
    with pytest.raises(DownloadError) as caught:
        pull(entry, progress=progress)
    assert str(caught.value).splitlines() == [
        "cannot fetch tiny",
        "  file /nowhere/1.gguf: cannot be read: No such file or directory",
        "  file /nowhere/2.gguf: cannot be read: No such file or directory",
    ]
    assert len(progress.starts) == len(progress.outcomes) == 2


def test_too_little_disk_is_said_before_anything_is_fetched(
    hub: Hub, progress: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, disk.MARGIN + len(CONTENT) - 1))
    with pytest.raises(DownloadError, match=r"not enough disk in .*models: 64.3 MB needed, 64.3 MB free"):
        pull(tiny(HUB), progress=progress)
    assert hub.gets == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, disk.MARGIN + len(CONTENT)))
    pull(tiny(HUB), progress=progress, patience=QUICK)


def test_a_disk_that_fills_up_keeps_what_came_and_the_next_pull_goes_on(
    hub: Hub, progress: Recorded, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small(FileIO):
        def write(self, data: object) -> int:
            if self.tell() >= 100_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(memoryview(data)[: 100_000 - self.tell()])  # type: ignore[arg-type]

    real = Path.open

    def small(path: Path, mode: str = "r", buffering: int = -1, **rest: str) -> IO[bytes] | IO[str] | FileIO:
        return Small(path, mode.replace("b", "")) if buffering == 0 else real(path, mode, buffering, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", small)
        with pytest.raises(DownloadError, match="the disk is full"):
            pull(tiny(HUB), progress=progress, patience=QUICK)
    assert (home / "models" / "tiny.gguf.part").read_bytes() == CONTENT[:100_000]
    pull(tiny(HUB), progress=progress, patience=QUICK)
    assert hub.gets[-1][1] == "bytes=100000-"


def test_a_directory_that_cannot_be_written_is_named(
    progress: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match=r"cannot write .*file.models: Not a directory") as caught:
        pull(tiny(copied(tmp_path)), progress=progress)
    assert caught.value.hint is not None
    assert "TTC_HOME" in caught.value.hint


def test_offline_refuses_what_is_not_here(progress: Recorded) -> None:
    with pytest.raises(DownloadError) as caught:
        resolve("smollm2-135m", offline=True, progress=progress)
    assert str(caught.value) == "smollm2-135m is not on this machine, and --offline forbids fetching it"
    assert caught.value.hint == "ttc models pull smollm2-135m"
    with pytest.raises(DownloadError) as caught:
        resolve("hf:o/r/f.gguf", offline=True, progress=progress)
    assert caught.value.hint == "ttc models pull hf:o/r/f.gguf"
    assert progress == Recorded()


def test_offline_finds_a_model_that_is_here(progress: Recorded, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ttcli.catalog.stored.catalog", lambda: {"tiny": tiny()})
    path = home / "models" / "tiny.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    model = resolve("tiny", offline=True, progress=progress, verify=True)
    assert (model.path, model.entry, model.name) == (path, tiny(), "tiny")
    path.write_bytes(CONTENT[:-1] + b"?")
    resolve("tiny", offline=True, progress=progress)
    with pytest.raises(DownloadError, match="is damaged"):
        resolve("tiny", offline=True, progress=progress, verify=True)


def test_a_path_is_used_where_it_is(progress: Recorded, tmp_path: Path, home: Path) -> None:
    path = copied(tmp_path).path
    model = resolve(path, offline=True, progress=progress)
    assert (model.path, model.entry, model.name) == (Path(path), None, path)
    assert not home.exists()


def test_a_path_to_a_fetched_model_is_that_model(progress: Recorded, home: Path) -> None:
    entry = find("smollm2-135m")
    path = home / "models" / entry.file
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert resolve(str(path), offline=True, progress=progress).entry == entry


@pytest.mark.parametrize("spec", ["missing.gguf", "folder/missing", "./x", "~/missing.gguf"])
def test_a_missing_file_is_named(progress: Recorded, spec: str) -> None:
    with pytest.raises(ModelError, match=f"^no such file: {spec}$"):
        resolve(spec, offline=False, progress=progress)


@pytest.mark.parametrize("content", [b"", b"GGU", b"PK\x03\x04 not a model"])
def test_a_file_that_is_no_gguf_is_named(progress: Recorded, tmp_path: Path, content: bytes) -> None:
    path = copied(tmp_path, content).path
    with pytest.raises(ModelError, match=r"copy.gguf is not a GGUF file"):
        resolve(path, offline=False, progress=progress)


def test_an_unknown_name_is_an_error_with_a_guess(progress: Recorded) -> None:
    with pytest.raises(ModelError, match="unknown model 'smollm'; did you mean 'smollm2-135m'"):
        resolve("smollm", offline=False, progress=progress)


@pytest.mark.parametrize(
    "spec",
    [
        "hf:",
        "hf:a",
        "hf:a/b:",
        "hf:a/b:../c",
        "hf:a/b/c.bin",
        "hf:a/../b/c.gguf",
        "hf:a/b/../c.gguf",
        "hf:a/b/c.gguf@",
        "hf:/a/b/c.gguf",
    ],
)
def test_a_malformed_hub_name_is_an_error_with_the_form(progress: Recorded, spec: str) -> None:
    with pytest.raises(ModelError, match="cannot read") as caught:
        resolve(spec, offline=False, progress=progress)
    assert "hf:OWNER/REPO/FILE.gguf" in str(caught.value.hint)


def puller() -> subprocess.Popen[str]:
    """A process that pulls the tiny model, says its notes as they come, and then the size of what it has."""
    script = f"""
import sys
sys.path[:0] = {[str(folder) for folder in Path(__file__).parents[:2]]}
from catalog.doubles import HUB, Recorded, tiny
from ttcli.catalog.pull import pull
progress = Recorded()
progress.note = lambda message: print(message, flush=True)
print(pull(tiny(HUB), progress=progress).stat().st_size)
"""
    command = [sys.executable, "-c", script]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ.copy())


WAITING = "another ttc is at work on tiny.gguf, waiting for it"


def test_two_processes_at_once_fetch_once(hub: Hub, home: Path) -> None:
    (home / "models").mkdir(parents=True)
    with FileLock(home / "models" / "tiny.gguf.lock"):  # until both wait for it
        both = [puller(), puller()]
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == f"{WAITING}\n"
    assert [process.communicate(timeout=HANG) for process in both] == [(f"{len(CONTENT)}\n", "")] * 2
    assert hub.gets == [(f"/owner/repo/resolve/{REVISION}/tiny.gguf", None)]


def test_ctrl_c_ends_the_wait_for_another_process(home: Path) -> None:
    (home / "models").mkdir(parents=True)
    with FileLock(home / "models" / "tiny.gguf.lock"):
        waiting = puller()
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == f"{WAITING}\n"
        waiting.send_signal(signal.SIGINT)
        _, errors = waiting.communicate(timeout=SOON)
    assert "KeyboardInterrupt" in errors


def test_a_wait_ends_with_the_file_the_other_fetched(progress: Recorded, home: Path) -> None:
    (home / "models").mkdir(parents=True)
    held = threading.Event()

    def other() -> None:
        with FileLock(home / "models" / "tiny.gguf.lock"):
            held.set()
            time.sleep(0.3)
            (home / "models" / "tiny.gguf").write_bytes(CONTENT)

    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    held.wait()
    pull(tiny(), progress=progress)
    thread.join()
    assert progress.notes == [WAITING]
    assert progress.starts == []


def test_the_catalog_needs_no_network_and_no_heavy_import() -> None:
    code = (
        "import sys, ttcli.catalog.pull, ttcli.catalog.stored; "
        "print([m for m in ('huggingface_hub', 'rich', 'numpy', 'llama_cpp', 'typer') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert list(catalog())
