"""What this machine can do: how many threads, how wide a batch, how much memory."""

from __future__ import annotations

from pathlib import Path

from ttcli.engine.neighbours import allowed

# Measured with benchmarks/engine.py: on a CPU throughput rises with the width until attention over everybody's cells
# (all sequences share one buffer) eats the gain. From 64 tokens on, llama.cpp's CPU attention switches to a tiled
# kernel that does not skip other sequences' cells, so wider never pays there.
CPU_WIDTH = 32
GPU_WIDTH = 64
# With less to read per token, a buffer for each text costs more than the attention that it saves: while 64 texts have
# little but their prompt, a decode of a model of 0.4 M weights takes 2.4 times as long; later the two come even.
_STREAMS_FROM = 20_000_000  # weights


def threads() -> int:
    """Threads for one decode: the cores this process may use, one per physical core, within the cgroup's quota.

    More threads than free cores collapses llama.cpp's throughput, hyper-threads do not help its kernels.
    """
    cores = {_first_sibling(cpu) for cpu in allowed()}
    return max(1, min(len(cores), _quota() or len(cores)))


def _first_sibling(cpu: int) -> str:
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        return path.read_text().strip()
    except OSError:
        return str(cpu)


def _quota() -> int | None:
    """Whole cores that the cgroup grants, at least 1; None where it sets no limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(1, int(quota) // int(period))


def available_memory() -> int | None:
    """Bytes of memory that can be taken without swapping; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in fields else None


def has_gpu() -> bool:
    """Whether llama.cpp was built for a GPU."""
    from ttcli.engine.library import library

    return bool(library().llama_supports_gpu_offload())


def streams(parameters: int) -> bool:
    """Whether texts of a model of so many weights grow faster in KV buffers of their own than in one for all.

    A GPU's memory is not known here, and one buffer takes less of it.
    """
    return parameters >= _STREAMS_FROM and not has_gpu()


def width() -> int:
    """Texts in one batch that this machine decodes fastest, per token."""
    return GPU_WIDTH if has_gpu() else CPU_WIDTH
