"""A program that loads a model and computes a few tokens with it: `python -m ttcli.engine.trial PATH`.

What llama.cpp does not survive ends this process and not ttc. It exits 0 where the model works, and 1 with the reason
as the last line of its stderr where llama.cpp gives one.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from ttcli.engine.branch import Branch, Piece
from ttcli.engine.model import Model
from ttcli.engine.session import Session
from ttcli.engine.template import rehearse
from ttcli.errors import ModelError, TtcError
from ttcli.files.gguf import read_header

_PATIENCE = 120.0  # seconds
_TEMPLATE_TIME = 30  # seconds
_TEMPLATE_MEMORY = 512 << 20  # bytes
_SPEED = 20e6  # bytes per second that a slow disk reads
_MEMORY = "free some memory, or take a smaller model"


def try_out(path: Path, *, size: int) -> None:
    """Load a model of so many bytes in a process of its own.

    Raises:
        ModelError: it does not work there.
    """
    command = [sys.executable, "-P", "-m", "ttcli.engine.trial", str(path)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE + size / _SPEED, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"llama.cpp does not come to an end with {path}", hint=_hint()) from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        hint = _MEMORY if name == "SIGKILL" else _hint()
        raise ModelError(f"llama.cpp does not survive {path} ({name}){_reason(done.stderr)}", hint=hint)
    if done.returncode:
        raise ModelError(f"llama.cpp cannot work with {path}{_reason(done.stderr)}", hint=_hint())


def _hint() -> str:
    return "the file is damaged, or newer than this llama.cpp; fetch or convert it again"


def _reason(words: bytes) -> str:
    lines = [line.strip() for line in words.decode("utf-8", "replace").splitlines() if line.strip()]
    return f": {lines[-1]}" if lines else ""


def works(path: Path) -> int:
    """What the program exits with; the reason on stderr."""
    try:
        _rehearse(path)
        model = Model(path, checked=True)
        if model.cannot_branch() is None:
            _compute(model)
        model.close()
    except TtcError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _rehearse(path: Path) -> None:
    """Render the chat template, in bounded memory and time.

    Raises:
        ModelError: the memory does not suffice; too much time ends the process.
    """
    source = read_header(path).metadata.get("tokenizer.chat_template")
    if not isinstance(source, str):
        return
    sys.stderr.write("its chat template comes to no end\n")  # the last words, if they are
    sys.stderr.flush()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_TEMPLATE_TIME)
    before = resource.getrlimit(resource.RLIMIT_AS)
    statm = Path("/proc/self/statm")
    if statm.is_file():  # elsewhere nobody says what is taken already
        taken = int(statm.read_text().split()[0]) * resource.getpagesize()
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (taken + _TEMPLATE_MEMORY, before[1]))
    try:
        rehearse(source)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.alarm(0)


def _compute(model: Model) -> None:
    """A few tokens, one decode.

    Raises:
        ModelError: the text has no tokens, or what is computed are no numbers.
    """
    tokens = model.tokenize("1 + 1 = 2\n", special=False)
    if not tokens or not 0 <= min(tokens) <= max(tokens) < model.vocabulary:
        raise ModelError("its tokenizer makes no tokens of a text")
    model.tokenize(bytes(range(1, 256)).decode("utf-8", "surrogateescape"), special=False)
    for token in range(model.vocabulary):
        model.piece(token)
    session = Session(model, cells=64, width=1)
    try:
        branch = Branch(None, tokens)
        session.attach(branch)
        rows = session.decode([Piece(branch, len(tokens), True)])
        if not np.isfinite(rows.max()):
            raise ModelError("what it computes are no numbers")
    finally:
        session.close()


if __name__ == "__main__":
    sys.exit(works(Path(sys.argv[1])))
