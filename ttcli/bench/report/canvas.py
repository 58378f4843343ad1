"""What all plots are drawn on: sizes, colours, and how a figure becomes a file that is the same every time."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttcli.errors import UsageError
from ttcli.files.atomic import writing
from ttcli.printable import printable

if TYPE_CHECKING:  # it takes its time to load
    from matplotlib.figure import Figure

# Okabe and Ito's colours can be told apart without seeing red or green; markers tell the lines apart in grey
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
INK = "#1b1b1f"  # text and axes; a page may take its own colour instead
MARKERS = "osD^vPX*"
HEIGHT, WIDTH = 4.2, 5.2  # inches of one pair of axes
LETTER = 0.08  # inches per character of a label
LINE = 0.19  # inches per line of text
_SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 10.0,
    "figure.titlesize": 11.0,
    "svg.fonttype": "none",  # text stays text, in a font of the reader's
    "text.parse_math": False,  # names may have a $ in them
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.12,
    "legend.frameon": False,
}


def save(draw: Callable[[], Figure], path: Path) -> None:
    """A figure as a file of the kind that its suffix names.

    Raises:
        UsageError: a suffix other than .png and .svg.
        TtcError: the file cannot be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise UsageError(f"{path} ends in neither .png nor .svg", hint=f"{path.stem or 'plot'}.svg")
    content = rendered(draw(), kind, "plot", transparent=False)
    with writing(path) as file:
        file.write(content)


def rendered(figure: Figure, kind: str, salt: str, *, transparent: bool = True) -> bytes:
    """The bytes of a file, the same for the same figure: without a date, and with ids that hang on the salt alone."""
    content = io.BytesIO()
    unsaid = dict.fromkeys(("Date", "Creator") if kind == "svg" else ("Software",))
    with drawing(salt):
        figure.savefig(content, format=kind, metadata=unsaid, dpi=160, transparent=transparent)
    return content.getvalue()


def wrapped(text: str, width: float, *, lines: int = 2) -> str:
    """A name or a heading on so many lines at most, each within so many inches."""
    return textwrap.fill(printable(text), int(width / LETTER), max_lines=lines, placeholder=" …")


def legend_height(labels: Sequence[str]) -> float:
    """Inches that a legend with these labels takes below the axes, one column."""
    return LINE * sum(label.count("\n") + 1.25 for label in labels)


def legend_below(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """What each line stands for, under the axes: beside them it would be cut off on a narrow page."""
    figure.legend(handles, labels, loc="outside lower left", ncols=1, borderaxespad=0.2)


@contextmanager
def drawing(salt: str) -> Iterator[None]:
    """Matplotlib as these plots want it, whatever the user has set up for others."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box stands for it
        mpl.rcdefaults()
        mpl.rcParams.update({**_SETTINGS, "svg.hashsalt": salt})
        yield
