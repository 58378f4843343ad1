"""The Hugging Face hub as a source: huggingface_hub knows endpoint, token and proxy; the bytes are streamed here."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from ttcli.catalog.disk import check_disk
from ttcli.catalog.entry import HubSource
from ttcli.catalog.partial import Partial, SourceFailed
from ttcli.catalog.progress import Progress, size_text

GOOD_PIECE = 16_000_000  # bytes; a try that brought as many does not count as failed


@dataclass(frozen=True, slots=True)
class HubTimeouts:
    """How long the hub may take before it counts as unreachable."""

    connect: float = 10.0  # seconds
    read: float = 30.0  # seconds without a byte
    tries: int = 5  # in a row, each with less than GOOD_PIECE
    pause: float = 1.0  # seconds after the first broken try, twice as many after the second, ...


class HubFacts(NamedTuple):
    """What the hub says of a file."""

    bytes: int
    sha256: str | None  # None: small files that are not in large file storage have none
    revision: str  # the commit


class _Broken(Exception):
    """A transfer that did not reach the end of the file."""

    def __init__(self, reason: str, *, answered: bool) -> None:
        super().__init__(reason)
        self.answered = answered  # the hub had begun to send


def look_up(repo: str, file: str, revision: str | None, patience: HubTimeouts) -> HubFacts:
    """Size, hash and commit of a file of the hub; raises SourceFailed."""
    from huggingface_hub import get_hf_file_metadata

    try:
        facts = get_hf_file_metadata(_url(repo, file, revision), timeout=patience.connect, endpoint=_endpoint())
    except _network_errors() as error:
        raise SourceFailed(_reason(error)) from error
    if facts.size is None or facts.commit_hash is None:
        raise SourceFailed(f"{_host()} tells neither size nor commit of this file")
    is_sha256 = re.fullmatch(r"[0-9a-f]{64}", facts.etag or "") is not None
    return HubFacts(facts.size, facts.etag if is_sha256 else None, facts.commit_hash)


def list_files(repo: str, revision: str | None, patience: HubTimeouts) -> list[str]:
    """The paths of the files of a repository; raises SourceFailed."""
    from huggingface_hub import HfApi

    try:
        facts = HfApi(endpoint=_endpoint()).model_info(repo, revision=revision, timeout=patience.connect)
    except _network_errors() as error:
        raise SourceFailed(_reason(error)) from error
    return [sibling.rfilename for sibling in facts.siblings or ()]


def fetch_from_hub(source: HubSource, partial: Partial, progress: Progress, patience: HubTimeouts) -> None:
    """Stream what is missing into `partial`, going on where a broken transfer stopped; raises SourceFailed."""
    wanted = partial.wanted
    url = _url(source.repo, source.file, source.revision)
    progress.start(wanted.name, source.label, wanted.bytes, partial.size)
    check_disk(partial.path.parent, wanted.bytes - partial.size)
    failed = 0
    while partial.size < wanted.bytes:
        before = partial.size
        try:
            _transfer(url, partial, progress, patience)
        except _Broken as broken:
            failed = 1 if partial.size - before >= GOOD_PIECE else failed + 1
            if failed >= patience.tries or (failed == 1 and not broken.answered):
                raise SourceFailed(str(broken)) from broken
            progress.note(f"{source.label}: {broken}; going on at {size_text(partial.size)}")
            time.sleep(patience.pause * failed)
    partial.resume_at(partial.size)  # takes the hash where all bytes were here before


def _transfer(url: str, partial: Partial, progress: Progress, patience: HubTimeouts) -> None:
    """One request for what is missing; raises _Broken, or SourceFailed where another try is of no use."""
    from huggingface_hub import get_session

    answered = False
    timeout = (patience.connect, patience.read, patience.read, patience.connect)  # connect, read, write, pool
    try:
        with get_session().stream(
            "GET", url, headers=_headers(partial.size), timeout=timeout, follow_redirects=True
        ) as response:
            partial.resume_at(_offset(response.status_code, response.headers, partial))
            answered = True
            for chunk in response.iter_bytes():
                partial.write(chunk)
                progress.advance(partial.size)
    except _network_errors() as error:
        raise _Broken(_reason(error), answered=answered) from error
    if partial.size < partial.wanted.bytes:
        raise _Broken(f"{_host()} closed the connection early", answered=True)


def _headers(start: int) -> dict[str, str]:
    # documented there, but not re-exported in the words mypy asks for
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    headers: dict[str, str] = build_hf_headers(library_name="ttc")
    headers["Accept-Encoding"] = "identity"  # a byte range of compressed data is of no use
    if start:
        headers["Range"] = f"bytes={start}-"
    return headers


def _offset(status: int, headers: Mapping[str, str], partial: Partial) -> int:
    """The byte of the file at which this answer begins; raises SourceFailed unless it is an answer to use."""
    if status not in (200, 206):
        raise SourceFailed(_refusal(status))
    if headers.get("Content-Type", "").startswith("text/html"):
        raise SourceFailed(f"{_host()} answered with a web page: a login or a proxy in between?")
    start, total = 0, headers.get("Content-Length", "")
    if status == 206:
        place = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
        if place is None or int(place[1]) != partial.size:
            raise SourceFailed(f"{_host()} sent another byte range than it was asked for")
        start, total = partial.size, place[2]
    if total.isdigit() and int(total) != partial.wanted.bytes:
        raise SourceFailed(f"{_host()} offers {total} bytes, expected {partial.wanted.bytes}")
    return start


def _endpoint() -> str:
    """Read when it is needed: huggingface_hub takes HF_ENDPOINT only once, at import."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _url(repo: str, file: str, revision: str | None) -> str:
    from huggingface_hub import hf_hub_url

    return hf_hub_url(repo, file, revision=revision, endpoint=_endpoint())


def _host() -> str:
    return urlsplit(_endpoint()).hostname or "the hub"


def _network_errors() -> tuple[type[Exception], ...]:
    """What a request can raise: the base error of httpx in huggingface_hub 1, of httpx2 since 2, and OSError."""
    from huggingface_hub import errors

    return (vars(errors)["HTTPError"], OSError)


def _reason(error: Exception) -> str:
    """A request's error in a few words, without addresses, which may carry a password."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set"
    response = getattr(error, "response", None)
    if response is not None:
        return _refusal(response.status_code)
    text = re.sub(r"\S+://\S+", "...", str(error)).strip() or type(error).__name__
    return f"no connection to {_host()} ({text.splitlines()[0]})"


def _refusal(status: int) -> str:
    match status:
        case 401 | 403:
            return f"{_host()} refuses access ({status}); a gated repository needs HF_TOKEN"
        case 404:
            return f"{_host()} has no such file (404)"
        case _:
            return f"{_host()} answered {status}"
