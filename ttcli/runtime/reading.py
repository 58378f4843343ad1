"""Weights that are read on a thread, while the caller does what needs none of them."""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from ttcli.catalog.stored import LocalModel, locate
from ttcli.errors import TtcError
from ttcli.runtime.tried import is_tried, try_once

if TYPE_CHECKING:
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

        self.local, self.gpu_layers = local, gpu_layers
        try_once(local)
        library()  # here: on the thread it would take turns with whatever the caller imports
        self._wanted, self._ended = True, Event()
        self._model: Model | None = None
        self._error: BaseException | None = None
        thread = Thread(target=self._read, args=(Model,), name=f"reading {local.path.name}")
        try:
            thread.start()
        except RuntimeError:  # no thread is to be had
            self._read(Model)

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
        model, self._model = self._model, None
        if model is None:
            raise RuntimeError("these weights were taken before, or abandoned")
        return model

    def abandon(self) -> None:
        """Stop reading, between two tensors, and free what nobody has taken."""
        self._wanted = False
        self._ended.wait()
        if self._model is not None:
            self._model.close()
            self._model = None

    def _read(self, load: type[Model]) -> None:
        try:
            self._model = load(self.local.path, gpu_layers=self.gpu_layers, checked=True, wanted=lambda: self._wanted)
        except BaseException as error:  # noqa: BLE001  the caller's to raise
            self._error = error
        finally:
            self._ended.set()


def open_model(local: LocalModel, *, gpu_layers: int | None = None) -> Model:
    """The weights of a model, waited for; raises as `Reading` does."""
    with Reading(local, gpu_layers=gpu_layers) as reading:
        return reading.take()


def read_early(name: str, *, gpu_layers: int | None) -> Reading | None:
    """Begin with weights before all is known about the run; None where they must be fetched or tried out first.

    What is wrong with them is left for the run to say, in its turn.
    """
    with suppress(TtcError, OSError):
        local = locate(name)
        if local is not None and is_tried(local):
            return Reading(local, gpu_layers=gpu_layers)
    return None
