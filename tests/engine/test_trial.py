"""Files that llama.cpp does not survive end another process, and only once."""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from engine.tiny import write_model
from ttcli.catalog.stored import LocalModel
from ttcli.engine import trial
from ttcli.engine.trial import try_out
from ttcli.errors import ModelError
from ttcli.runtime import tried
from ttcli.runtime.reading import open_model
from ttcli.runtime.tried import try_once


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalModel:
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))
    path = write_model(tmp_path / "tiny.gguf")
    return LocalModel(path, None, str(path))


def test_a_model_that_works_is_tried_once(tiny: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def counted(path: Path, *, size: int) -> None:
        calls.append(path)
        try_out(path, size=size)

    monkeypatch.setattr(trial, "try_out", counted)
    model = open_model(tiny)
    assert model.vocabulary == 259
    model.close()
    open_model(tiny).close()
    assert calls == [tiny.path]
    tiny.path.write_bytes(tiny.path.read_bytes() + b"\0" * 32)  # another file
    try_once(tiny)
    assert len(calls) == 2


def test_the_catalogs_own_models_are_not_tried(tiny: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from ttcli.catalog.entry import DEFAULT_MODEL, catalog

    def refused(path: Path, *, size: int) -> None:
        raise AssertionError

    monkeypatch.setattr(trial, "try_out", refused)
    try_once(LocalModel(tiny.path, catalog()[DEFAULT_MODEL], "x"))


def test_weights_that_are_no_numbers_are_an_error(tiny: LocalModel) -> None:
    content = tiny.path.read_bytes()
    tiny.path.write_bytes(content[: -64 * 4] + struct.pack("<64f", *[float("nan")] * 64))
    with pytest.raises(ModelError, match="are no numbers"):
        try_once(tiny)
    assert not tried._file().exists()


def test_a_process_that_llama_cpp_ends_is_an_error_of_the_model(tiny: LocalModel) -> None:
    """Past the checks of the header, which refuse all such files that are known."""
    content = tiny.path.read_bytes().replace(b"<0x41>", b"<0x4g>")
    tiny.path.write_bytes(content)
    with pytest.raises(ModelError, match=r"llama\.cpp does not survive .*tiny\.gguf \(SIGABRT\)") as caught:
        try_out(tiny.path, size=len(content))
    assert caught.value.hint


def test_a_process_that_does_not_end_is_killed(tiny: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_PATIENCE", 0.01)
    with pytest.raises(ModelError, match="does not come to an end"):
        try_out(tiny.path, size=1)


def test_a_logit_that_is_no_number_is_an_error_wherever_it_is_read() -> None:
    import numpy as np

    from ttcli.engine.params import SamplingParams
    from ttcli.engine.sampling import Sampler, generator
    from ttcli.verifier.reader import share

    for bad in (float("nan"), float("inf")):
        row = np.zeros(100, np.float32)
        row[7] = bad
        for temperature in (0.0, 0.8):
            with pytest.raises(ModelError, match="no numbers"):
                Sampler(100).draw(row[None], [SamplingParams(temperature=temperature)], [generator(0)])
    with pytest.raises(ModelError, match="no numbers"):
        share(np.array([[float("nan"), 1.0]]), 1)


DOUBLES = "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (DOUBLES, "takes too much memory"),
        (
            "{% for i in range(3) %}{{ ('x' * 1000)|replace('x', 'y' * 1000)|replace('y', 'z' * 9999) }}{% endfor %}",
            "memory",
        ),
    ],
)
@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="nobody says how much memory is taken")
def test_a_template_that_grows_without_bounds_ends_there(tmp_path: Path, template: str, reason: str) -> None:
    path = write_model(tmp_path / "tiny.gguf", template)
    with pytest.raises(ModelError, match=reason):
        try_out(path, size=path.stat().st_size)


def test_a_template_that_comes_to_no_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = "{% for i in range(90000) %}{{ range(100000)|list|sort|string|length }}{% endfor %}"
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nfrom pathlib import Path\nfrom ttcli.engine import trial\n"
        "trial._TEMPLATE_TIME = 1\nsys.exit(trial.works(Path(sys.argv[1])))",
        encoding="utf-8",
    )
    path = write_model(tmp_path / "tiny.gguf", slow)
    done = subprocess.run([sys.executable, str(program), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGALRM
    assert done.stderr == "its chat template comes to no end\n"
