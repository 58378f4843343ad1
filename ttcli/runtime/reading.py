"""Weights that are read on a thread, while the caller does what needs none of them."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Self

from ttcli.catalog.fingerprint import is_reckoned
from ttcli.catalog.progress import NoProgress
from ttcli.catalog.pull import resolve
from ttcli.catalog.stored import LocalModel
from ttcli.errors import TtcError
from ttcli.runtime.tried import is_tried, try_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from ttcli.engine.model import Model


class Reading:
    """The weights of a model, on their way; a model that nobody has verified is tried out first, and waited for.

    llama.cpp holds no lock of Python while it reads, so the caller goes on meanwhile, and hears Ctrl-C. As a context
    manager it lets go in the end of what nobody has taken.

    Raises:
        ModelError: the model has been tried out, and cannot be used.
        BackendError: there is no llama.cpp.
    """

    def __init__(self, local: LocalModel, *, gpu_layers: int | None = None) -> None:
        from ttcli.engine.library import library  # numpy and llama.cpp: not before they are needed
        from ttcli.engine.model import Model

        self.local = local
        try_once(local)
        library()  # here: on the thread it would take turns with whatever the caller imports
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._wanted = True
        self._model: Model | None = None
        self._error: BaseException | None = None
        load = partial(Model, local.path, gpu_layers=gpu_layers, checked=True)
        thread = _Thread(target=self._read, args=(partial(load, wanted=lambda: self._wanted),))
        try:
            thread.start()
        except RuntimeError:  # no thread is to be had: then nobody can ask it to stop
            self._read(load)
        except BaseException:  # Ctrl-C, while it began
            self.abandon()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()

    def take(self) -> Model:
        """The model, which is the caller's to close from now on; to be called once.

        Raises:
            ModelError: it cannot be loaded.
        """
        self._ended.wait()
        if self._error is not None:
            raise self._error
        with self._lock:
            model, self._model = self._model, None
        if model is None:
            raise RuntimeError("these weights were taken before, or abandoned")
        return model

    def abandon(self) -> None:
        """Free what nobody has taken, now or when it has been read; llama.cpp is asked to stop between two tensors."""
        with self._lock:
            self._wanted = False
            model, self._model = self._model, None
        if model is not None:
            model.close()

    def _read(self, load: Callable[[], Model]) -> None:
        try:
            model = load()
            with self._lock:
                kept = self._wanted
                self._model = model if kept else None
            if not kept:
                model.close()
        except BaseException as error:  # noqa: BLE001  the caller's to raise
            self._error = error
        finally:
            self._ended.set()


class _Thread(threading.Thread):
    """Reads weights."""


def under_way() -> bool:
    """Whether llama.cpp still reads what nobody wants: it maps a file whole before it can be asked to stop."""
    return any(isinstance(thread, _Thread) for thread in threading.enumerate())


def open_model(local: LocalModel, *, gpu_layers: int | None = None) -> Model:
    """The weights of a model, waited for; raises as `Reading` does."""
    with Reading(local, gpu_layers=gpu_layers) as reading:
        return reading.take()


def read_early(name: str, *, gpu_layers: int | None) -> Reading | None:
    """Begin with weights before all is known about the run; None where they must be fetched, hashed or tried out first.

    What is wrong with them is left for the run to say, in its turn.
    """
    with suppress(TtcError, OSError):
        local = resolve(name, offline=True, progress=NoProgress())
        if is_reckoned(local) and is_tried(local):
            return Reading(local, gpu_layers=gpu_layers)
    return None
