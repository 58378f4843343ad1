"""The way to a Ray cluster, or to a Ray of one's own on this machine, and the places for workers there."""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ttcli.errors import BackendError, UsageError

HINT = "--ray local:2, or --ray HOST:6379 on a node of the cluster, or --ray ray://HOST:10001 elsewhere"
CONNECT = 3.0  # seconds for somebody to answer at the address
JOIN = 15.0  # seconds for a cluster to tell its status
_STORE = 100_000_000  # bytes of shared memory of a local Ray: messages are small
_LOCAL = re.compile(r"local(?::(\d{1,3}))?")


class WorkerPlace(NamedTuple):
    """Where a worker can be."""

    name: str  # as messages call it
    threads: int | None  # it may use; None: as many as it finds
    options: Mapping[str, Any]  # of its actor


@contextmanager
def places(address: str, *, threads: int | None) -> Iterator[list[WorkerPlace]]:
    """Connect to Ray; a process that is connected already stays so.

    `local:N` is N workers on this machine, which share its cores; any other address is one worker per node that has
    CPUs to give: a head node that was started with none is left alone.

    Raises:
        UsageError: Ray is not installed, the address is none, or this process is connected to another Ray.
        BackendError: there is no cluster at the address, or none with a node for a worker.
    """
    count = _local_count(address)
    ray = _ray()
    if count is None:
        _ask(address)
    ours = not ray.is_initialized()
    if not ours and not count and address not in ("auto", ray.get_runtime_context().gcs_address):
        raise UsageError(f"this process is connected to another Ray than {address}", hint="ray.shutdown()")
    try:
        if ours:
            # the workers of a local Ray claim no CPU; it starts as many processes beforehand as it has CPUs
            alone = {"num_cpus": count, "include_dashboard": False, "object_store_memory": _STORE}
            _connect(ray, "local" if count else address, **(alone if count else {}))
        nodes = [node for node in ray.nodes() if node["Alive"] and (count or node["Resources"].get("CPU", 0) >= 1)]
        if not nodes:
            raise BackendError(f"the Ray cluster at {address} has no node with a CPU", hint="ray status")
        yield _here(nodes[0], count, threads) if count else [_there(node, threads) for node in nodes]
    finally:
        if ours:
            ray.shutdown()


def _ray() -> Any:
    # both are read when Ray is imported: no reports home, and no raylet that writes to our stdout
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError("Ray is not installed", hint="pip install 'ttcli[ray]'") from error
    return ray


def _local_count(address: str) -> int | None:
    """N of `local:N`; None for another address."""
    match = _LOCAL.fullmatch(address)
    if match and match[1] and int(match[1]) < 1:
        raise UsageError(f"--ray {address} has no worker", hint=HINT)
    return int(match[1] or 1) if match else None


def _host_and_port(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.scheme not in ("", "ray"):
        raise UsageError(f"{address!r} is no address of a Ray cluster", hint=HINT)
    return host, port


def _ask(address: str) -> None:
    """Whether there is a cluster: Ray itself would wait for minutes, or for ever.

    Raises:
        UsageError, BackendError: as `places`.
    """
    if address != "auto":
        try:
            socket.create_connection(_host_and_port(address), timeout=CONNECT).close()
        except OSError as error:
            raise BackendError(f"nobody answers at {address}: {error.strerror or error}", hint=HINT) from error
    if address.startswith("ray://"):
        return
    told = [] if address == "auto" else ["--address", address]
    status = [sys.executable, "-m", "ray.scripts.scripts", "status", *told]
    nobody = f"no Ray cluster answers at {address}" if told else "this machine is no node of a Ray cluster"
    try:
        subprocess.run(status, timeout=JOIN, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except subprocess.TimeoutExpired as error:
        raise BackendError(nobody, hint=HINT) from error
    except subprocess.CalledProcessError as error:
        reasons = [line for line in error.stderr.splitlines() if line.strip()]
        raise BackendError(f"{nobody}: {reasons[-1].strip() if reasons else 'no reason given'}", hint=HINT) from error


def _connect(ray: Any, address: str, **options: Any) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except ImportError as error:  # the client of ray:// has requirements of its own
        raise UsageError(f"Ray cannot use {address}: {error}", hint="pip install 'ray[client]'") from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise BackendError(f"cannot work with Ray at {address}: {reason}", hint=HINT) from error


def _here(node: Mapping[str, Any], count: int, threads: int | None) -> list[WorkerPlace]:
    """Places of workers that share this machine."""
    from ttcli.engine import machine

    gpus = int(node["Resources"].get("GPU", 0))
    # a part of a GPU must lie on one of them
    share = gpus // count if gpus >= count else 1 / -(-count // gpus) if gpus else 0
    each = threads or max(1, machine.threads() // count)
    return [WorkerPlace(f"worker {number}", each, {"num_cpus": 0, "num_gpus": share}) for number in range(1, count + 1)]


def _there(node: Mapping[str, Any], threads: int | None) -> WorkerPlace:
    """The place of a worker that has a node to itself."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    resources = node["Resources"]
    cpus = int(resources["CPU"])
    options = {
        "num_cpus": min(threads, cpus) if threads else cpus,
        "num_gpus": int(resources.get("GPU", 0)),
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
    }
    return WorkerPlace(f"node {node['NodeManagerHostname']}", threads, options)
