"""From a runtime to a listening socket: uvicorn in this thread, the engine in another."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn

from ttcli.errors import UsageError
from ttcli.runtime.runtime import Runtime
from ttcli.serve.app import make_app
from ttcli.serve.engine import ServingEngine, TurnInterrupt
from ttcli.serve.exchange import Limits
from ttcli.serve.plan import Names

_FAREWELL = 5  # seconds for clients to read what they have been sent


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve, beside the settings of a runtime."""

    host: str = "127.0.0.1"
    port: int = 8000  # 0: any that is free
    key: str | None = None  # that clients have to show
    queue: int = 64  # requests that wait at most
    words: int = 1500  # of a prompt that usually finds room beside others
    limits: Limits = field(default_factory=Limits)

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


class Server(uvicorn.Server):
    """One that leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Not here."""
        yield


class _Log(logging.Handler):
    """What uvicorn has to say, as lines of the server's own log."""

    def __init__(self, log: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """A line, with the last of a traceback."""
        error = record.exc_info[1] if record.exc_info else None
        self._log(f"{record.getMessage().splitlines()[0]}{f': {error!r}' if error else ''}")


def _log_to(log: Callable[[str], None]) -> None:
    logger = logging.getLogger("uvicorn.error")
    logger.handlers[:] = [_Log(log)]
    logger.propagate = False


@contextmanager
def listening(options: ServeOptions) -> Iterator[socket.socket]:
    """The socket, before any model is loaded.

    Raises:
        UsageError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((options.host, options.port))
            bound.listen(128)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            place = f"{options.host}:{options.port}"
            raise UsageError(f"cannot listen on {place}: {reason}", hint="--port 0 takes one that is free") from error
        yield bound


def serve(
    runtime: Runtime,
    interrupt: TurnInterrupt,
    bound: socket.socket,
    options: ServeOptions,
    *,
    names: Sequence[str] = (),
    log: Callable[[str], None] = lambda _line: None,
    ready: Callable[[Server], None] = lambda _server: None,
) -> None:
    """Serve until the interrupt is requested.

    Args:
        names: what the model goes by besides its own name.
        ready: told once, when requests are about to be taken.
    """
    settings = runtime.settings
    engine = ServingEngine(runtime, interrupt, queue=options.queue, failed=lambda error: log(f"error: {error!r}"))
    engine.expect(options.words)
    usual = next((name for name in runtime.verifiers), None)
    app = make_app(
        engine,
        Names([runtime.policy.name, *names], budget=settings.budget, verifier=usual),
        settings,
        key=options.key,
        hosts=[options.host] if options.loopback else [],
        limits=options.limits,
        log=log,
    )
    _log_to(log)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=_FAREWELL, ws="none",
        server_header=False,
    )  # fmt: skip
    server = Server(config)
    interrupt.on_request = lambda: setattr(server, "should_exit", True)
    thread = threading.Thread(target=engine.live, name="ttc-engine")
    thread.start()
    try:
        if interrupt.requested:
            return
        ready(server)
        server.run(sockets=[bound])
    finally:
        engine.stop()
        thread.join()
