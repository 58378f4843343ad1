"""Models for all tests that want one: the small real one, fetched and loaded once, and tiny ones, made as needed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from ttcli.catalog.progress import NoProgress

if TYPE_CHECKING:  # most tests need neither numpy nor llama.cpp
    from ttcli.engine.model import Model

_SMALL = "smollm2-135m"


def pytest_configure() -> None:
    """Threads that wait for each other stay awake, and Ctrl-C interrupts wherever the suite was started."""
    # mostly on virtual machines, where waking up takes long (benchmarks/RESULTS.md, A neighbour)
    os.environ.setdefault("GOMP_SPINCOUNT", "200000")
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and hasattr(os, "sched_setaffinity"):  # each worker its core: threads that spin keep nobody else's
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that puts it in the background has it ignored
    # how long an example takes, or takes to make, says how busy the machine is
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks for the small model carries the marker `model`."""
    for item in items:
        if "small_model_path" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.model)


class _Quiet(NoProgress):
    """A progress that says where the file comes from, and no more."""

    def start(self, name: str, source: str, total_bytes: int, done_bytes: int) -> None:
        sys.stdout.write(f"fetching {name}, {total_bytes / 1e6:.0f} MB, from {source}\n")


@pytest.fixture(scope="session")
def small_model_path() -> Path:
    """The GGUF of the catalog's small model, in the user's own data directory (or `TTC_HOME`)."""
    from ttcli.catalog.pull import resolve

    return resolve(_SMALL, offline=False, progress=_Quiet()).path


@pytest.fixture(scope="session")
def small_model(small_model_path: Path) -> Iterator[Model]:
    from ttcli.engine.model import Model

    model = Model(small_model_path)
    yield model
    model.close()


@pytest.fixture(scope="session")
def lab_path() -> Path:
    """The GGUF of the laboratory's policy: trained weights, 0.4 M of them, that come with ttc."""
    from ttcli.catalog.entry import find

    path = find("lab-policy").shipped
    assert path is not None
    return path


@pytest.fixture(scope="session")
def lab_model(lab_path: Path) -> Iterator[Model]:
    from ttcli.engine.model import Model

    model = Model(lab_path)
    yield model
    model.close()


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The GGUF of a tiny model, by its architecture; see `tiny_models`."""
    from tiny_models import write_tiny

    folder = tmp_path_factory.mktemp("tiny")
    return cache(lambda architecture: write_tiny(folder / f"tiny-{architecture}.gguf", architecture))


@pytest.fixture(scope="session")
def thinking_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The GGUF of a tiny model that thinks as Qwen3.5 does, by its architecture."""
    from tiny_models import SWITCHED, THINK, write_tiny

    folder = tmp_path_factory.mktemp("thinking")
    return cache(lambda name: write_tiny(folder / f"thinking-{name}.gguf", name, template=SWITCHED, words=THINK))


@pytest.fixture(scope="session")
def thinking_model(thinking_path: Callable[[str], Path]) -> Iterator[Callable[[str], Model]]:
    """A tiny model that thinks, by its architecture."""
    from ttcli.engine.model import Model

    loaded: dict[str, Model] = {}

    def load(architecture: str) -> Model:
        if architecture not in loaded:
            loaded[architecture] = Model(thinking_path(architecture))
        return loaded[architecture]

    yield load
    for model in loaded.values():
        model.close()


@pytest.fixture(scope="session")
def tiny_model(tiny_path: Callable[[str], Path]) -> Iterator[Callable[[str], Model]]:
    """A tiny model, by its architecture."""
    from ttcli.engine.model import Model

    loaded: dict[str, Model] = {}

    def load(architecture: str) -> Model:
        if architecture not in loaded:
            loaded[architecture] = Model(tiny_path(architecture))
        return loaded[architecture]

    yield load
    for model in loaded.values():
        model.close()
