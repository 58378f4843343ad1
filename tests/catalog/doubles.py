"""Doubles for the tests: a hub on the loopback, tiny wheels, and a progress that remembers."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from patience import SOON

from ttcli.catalog.entry import Entry, HubSource, Source
from ttcli.catalog.hub import HubTimeouts
from ttcli.catalog.template import Template

CONTENT = b"GGUF" + bytes(range(256)) * 1200  # 307,204 bytes
REVISION = "c" * 40
QUICK = HubTimeouts(connect=SOON, read=SOON, tries=3, pause=0.0)
IMPATIENT = replace(QUICK, read=0.5)


@dataclass
class Recorded:
    """A progress for tests."""

    starts: list[tuple[str, str, int, int]] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)

    def start(self, name: str, source: str, total_bytes: int, done_bytes: int) -> None:
        self.starts.append((name, source, total_bytes, done_bytes))

    def advance(self, done_bytes: int) -> None:
        self.seen.append(done_bytes)

    def note(self, message: str) -> None:
        self.notes.append(message)

    def finish(self, outcome: str) -> None:
        self.outcomes.append(outcome)


class Hub(ThreadingHTTPServer):
    """Serves one content for every path; `faults` are used up one for each GET."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.content = CONTENT
        self.sha256: str | None = hashlib.sha256(CONTENT).hexdigest()
        self.ranges = True
        self.files: list[str] = []  # of every repository
        self.faults: list[str] = []  # "cut", "hang", "html", or a status
        self.gets: list[tuple[str, str | None]] = []  # path and Range
        self.tokens: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *args: object) -> None:
        pass

    def end_headers(self) -> None:
        self.send_header("Connection", "close")  # said, lest the next request comes on a connection that is closing
        super().end_headers()

    def do_HEAD(self) -> None:
        if self.server.faults:
            self.send_error(int(self.server.faults.pop(0)))
            return
        self.send_response(200)
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("ETag", f'"{self.server.sha256 or "d" * 40}"')
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()

    def do_GET(self) -> None:
        self.server.gets.append((self.path, self.headers["Range"]))
        self.server.tokens.append(self.headers["Authorization"])
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault == "hang":
            time.sleep(1.5)
        elif fault.isdigit():
            self.send_error(int(fault))
        elif fault == "html":
            self._send(200, {"Content-Type": "text/html"}, b"<html>Log in</html>")
        elif self.path.startswith("/api/models/"):
            facts = {"id": "o/r", "siblings": [{"rfilename": file} for file in self.server.files]}
            self._send(200, {"Content-Type": "application/json"}, json.dumps(facts).encode())
        else:
            self._file(cut=fault == "cut")

    def _file(self, *, cut: bool) -> None:
        content, wanted = self.server.content, self.headers["Range"]
        if wanted and self.server.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            place = f"bytes {start}-{len(content) - 1}/{len(content)}"
            status, headers = 206, {"Content-Range": place}
        else:
            start, status, headers = 0, 200, {}
        self._send(status, headers, content[start:], 100_000 if cut else None)

    def _send(self, status: int, headers: dict[str, str], body: bytes, cut: int | None = None) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])


def write_wheel(folder: Path, name: str, member: str, content: bytes) -> Path:
    info = f"{name}-1.0.dist-info"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(member, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def tiny(*sources: Source, content: bytes = CONTENT) -> Entry:
    return Entry(
        name="tiny",
        description="",
        licence="Apache-2.0",
        parameters=1,
        context=1,
        file="tiny.gguf",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        template=Template(),
        sources=sources,
    )


HUB = HubSource("owner/repo", "tiny.gguf", REVISION)
