"""The door to llama.cpp: loads the library once, with its threads tamed, its log captured and its version checked."""

from __future__ import annotations

import collections
import ctypes
import functools
import importlib.util
import os
import threading
from pathlib import Path
from typing import Any

from ttcli.engine import amx
from ttcli.engine.barriers import Barriers, barriers, leave_to_runtime, library_directory
from ttcli.errors import BackendError

SUPPORTED = ((0, 3, 36), (0, 4))  # struct layouts move between releases: floor included, ceiling excluded

_LOG_WARN, _LOG_ERROR = 3, 4  # the package's own table of levels is out of date
_log: collections.deque[str] = collections.deque(maxlen=12)  # lines at warning or error level, newest last
_lock = threading.Lock()
_module: Any = None
_barriers: Barriers | None = None
_keep_alive: list[object] = []  # callbacks that C code holds


def library() -> Any:
    """Return the `llama_cpp` bindings, loading them at the first call.

    Raises:
        BackendError: the package is missing, of an unsupported version, or its shared library does not load.
    """
    global _module
    with _lock:
        if _module is None:
            _module = _load()
        return _module


def _load() -> Any:
    global _barriers
    shared = library_directory()
    switchable = leave_to_runtime(shared)
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # ggml's debugger may hang where it is to end the process
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise BackendError(
            f"llama.cpp does not load: {error}",
            hint="pip install --force-reinstall 'llama-cpp-python>=0.3.36,<0.4'",
        ) from error
    version = tuple(int(part) for part in llama_cpp.__version__.split(".")[:3] if part.isdigit())
    if not SUPPORTED[0] <= version < SUPPORTED[1]:
        raise BackendError(
            f"llama-cpp-python {llama_cpp.__version__} is not supported",
            hint="pip install 'llama-cpp-python>=0.3.36,<0.4'",
        )
    callback = llama_cpp.llama_log_callback(_remember)
    _keep_alive.append(callback)
    llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    _barriers = barriers(shared, switchable=switchable)
    if amx.advertised() and not amx.works(shared):
        amx.drop(shared)
    return llama_cpp


def knows(architecture: str) -> bool:
    """Whether this llama.cpp has the word for an architecture, without loading it; True where that cannot be seen."""
    return not (words := _words()) or architecture.encode() + b"\0" in words


@functools.cache
def _words() -> bytes:
    """The shared library as it lies on the disk; nothing where it is not found."""
    package = importlib.util.find_spec("llama_cpp")
    if package is None or package.origin is None:
        return b""
    files = [file for file in (Path(package.origin).parent / "lib").glob("*llama.*") if file.is_file()]
    return files[0].read_bytes() if files else b""


def look_around(threads: int) -> None:
    """Have threads wait for each other as fits the machine just now; before a decode on so many of them."""
    if _barriers is not None:
        _barriers.look(threads)


def tensors() -> Any:
    """The functions of ggml on tensors, which llama.cpp's bindings leave out."""
    llama_cpp = library()
    from llama_cpp._ctypes_extensions import load_shared_library

    ggml = load_shared_library("ggml-base", Path(llama_cpp.__file__).parent / "lib")
    ggml.ggml_get_name.argtypes = (ctypes.c_void_p,)
    ggml.ggml_get_name.restype = ctypes.c_char_p
    ggml.ggml_backend_tensor_get.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
    ggml.ggml_backend_tensor_get.restype = None
    return ggml


def _remember(level: int, text: bytes | None, _user_data: object) -> None:
    line = (text or b"").decode("utf-8", "replace").strip()
    if line and level in (_LOG_WARN, _LOG_ERROR):
        _log.append(line)


def forget_log() -> None:
    """Drop remembered lines, before an operation whose own lines matter."""
    _log.clear()


def last_words(limit: int = 3) -> str:
    """The last lines llama.cpp logged at warning or error level, joined; "" if it said nothing."""
    return "; ".join(list(_log)[-limit:])
