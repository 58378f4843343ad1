"""Keep llama.cpp off matrix tiles (Intel AMX) where its build would crash on them.

GCC 12 drops the stores that prepare a tile configuration (its `_tile_loadconfig` declares 8 of the 64 bytes as
read), so a llama.cpp built with it dies of a general protection fault in its first AMX product. So one such
product is tried in a process of its own; where it does not come back, llama.cpp's list of CPU buffer types loses
its AMX entry and the next best kernels serve.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path
from typing import Any

_FLAG = "amx_int8"
_CPU_DEVICE = 0  # GGML_BACKEND_DEVICE_TYPE_CPU
_Q8_0, _F32 = 8, 0  # ggml_type
_PATIENCE = 30.0  # seconds
_ROWS, _COLUMNS, _TOKENS = 64, 256, 32  # a product large enough for tiles


def advertised() -> bool:
    """Whether the system says that this CPU has AMX."""
    try:
        return _FLAG in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def works(library_path: Path) -> bool:
    """Whether the llama.cpp in `library_path` survives an AMX product, tried in a process of its own (some 50 ms)."""
    command = [sys.executable, "-I", "-S", __file__, str(library_path)]
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=_PATIENCE).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def drop(library_path: Path) -> None:
    """Take AMX off the list of buffer types that llama.cpp considers for its weights."""
    ggml = _Ggml(library_path)
    types = ggml.extra_buffer_types()
    amx = ggml.amx(types)
    kept = index = 0
    while types[index]:
        if types[index] != amx:
            types[kept] = types[index]
            kept += 1
        index += 1
    types[kept] = None


class _Ggml:
    """The few functions of ggml that this needs; pointers are returned whole."""

    def __init__(self, library_path: Path) -> None:
        names = ("libggml-base.so", "libggml-cpu.so", "libggml.so")
        self._libraries = [ctypes.CDLL(str(library_path / name)) for name in names]

    def __call__(self, name: str, *arguments: Any, returns: Any = ctypes.c_void_p) -> Any:
        function = next(getattr(library, name) for library in self._libraries if hasattr(library, name))
        function.restype = returns
        wide = (ctypes.c_void_p(item) if isinstance(item, int) and item >> 31 else item for item in arguments)
        return function(*wide)

    def extra_buffer_types(self) -> Any:
        """The CPU's special buffer types: a NULL-terminated array that llama.cpp itself reads."""
        device = self("ggml_backend_dev_by_type", _CPU_DEVICE)
        registry = self("ggml_backend_dev_backend_reg", device)
        address = self("ggml_backend_reg_get_proc_address", registry, b"ggml_backend_dev_get_extra_bufts")
        return ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)(address)(device)

    def amx(self, types: Any) -> int | None:
        """The AMX entry of the array; None if it has none."""
        index = 0
        while types[index]:
            if self("ggml_backend_buft_name", types[index], returns=ctypes.c_char_p) == b"AMX":
                return int(types[index])
            index += 1
        return None

    def multiply(self, buffer_type: int) -> None:
        """A product of a quantized matrix that lies in a buffer of this type."""
        weights = self._arena()
        matrix = self("ggml_new_tensor_2d", weights, _Q8_0, ctypes.c_int64(_COLUMNS), ctypes.c_int64(_ROWS))
        self("ggml_backend_alloc_ctx_tensors_from_buft", weights, buffer_type)
        size = self("ggml_nbytes", matrix, returns=ctypes.c_size_t)
        self("ggml_backend_tensor_set", matrix, bytes(size), ctypes.c_size_t(0), ctypes.c_size_t(size), returns=None)
        work = self._arena()
        tokens = self("ggml_new_tensor_2d", work, _F32, ctypes.c_int64(_COLUMNS), ctypes.c_int64(_TOKENS))
        graph = self("ggml_new_graph", work)
        self("ggml_build_forward_expand", graph, self("ggml_mul_mat", work, matrix, tokens), returns=None)
        cpu = self("ggml_backend_cpu_init")
        self("ggml_backend_alloc_ctx_tensors", work, cpu)
        self("ggml_backend_graph_compute", cpu, graph, returns=ctypes.c_int)

    def _arena(self) -> Any:
        return self("ggml_init", _Arena(1 << 20, None, True))


class _Arena(ctypes.Structure):
    _fields_ = (("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


def _try(library_path: Path) -> None:
    ggml = _Ggml(library_path)
    amx = ggml.amx(ggml.extra_buffer_types())
    if amx is not None:
        ggml.multiply(amx)


if __name__ == "__main__":
    _try(Path(sys.argv[1]))
