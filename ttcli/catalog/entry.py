"""The models ttc knows by name: one TOML file each, read strictly."""

from __future__ import annotations

import difflib
import functools
import math
import re
from dataclasses import dataclass
from pathlib import Path

from ttcli.catalog.forms import VerifierForm, verifier_form
from ttcli.catalog.template import Template, read_template
from ttcli.errors import ModelError
from ttcli.files.toml import Table, read_table

DEFAULT_MODEL = "qwen2.5-coder-0.5b"


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file of a repository on the Hugging Face hub."""

    repo: str  # owner/name
    file: str  # path inside the repository
    revision: str  # a commit, so that the file never changes; a branch only where the entry knows no hash

    @property
    def label(self) -> str:
        """The source in a message."""
        return f"hub {self.repo}@{self.revision[:8]}"


@dataclass(frozen=True, slots=True)
class WheelsSource:
    """Members of `count` wheels, joined in order; `{part}` in the patterns is 1 ... count."""

    distribution: str  # pattern
    version: str
    count: int  # >= 1
    member: str  # pattern

    @property
    def label(self) -> str:
        """The source in a message."""
        if self.count == 1:
            return f"wheel {self.requirement(1)}"
        return f"wheels {self.distribution.format(part=f'1-{self.count}')}=={self.version}"

    def requirement(self, part: int) -> str:
        """What pip is asked for."""
        return f"{self.distribution.format(part=part)}=={self.version}"

    def member_of(self, part: int) -> str:
        """The path inside the wheel."""
        return self.member.format(part=part)


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file on this machine."""

    path: str  # `~` is the home directory

    @property
    def label(self) -> str:
        """The source in a message."""
        return f"file {self.path}"


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """A repository of the hub with the weights in another form: whoever wants a GGUF makes or finds one."""

    repo: str  # owner/name

    @property
    def label(self) -> str:
        """The source in a message."""
        return f"weights {self.repo}, to be converted"


@dataclass(frozen=True, slots=True)
class ShippedSource:
    """A file that comes with ttc, and is read where it lies."""

    path: str  # below the folder of the TOMLs

    @property
    def label(self) -> str:
        """The source in a message."""
        return "comes with ttc"

    @property
    def file(self) -> Path:
        """Where it is."""
        return toml_folder(Path(__file__).parent) / self.path


Source = HubSource | WheelsSource | FileSource | WeightsSource | ShippedSource


@dataclass(frozen=True, slots=True)
class RepairFigure:
    """What mending false equations while a text is drawn did to a model's solutions, where that was measured."""

    solutions: int  # that state a false equation
    before: int  # of them right as the model wrote them
    after: int  # right when they were mended and gone on with
    measured: str  # the command that tells
    seed: int

    @property
    def helps(self) -> bool:
        """Whether more are right after it, by more than two standard errors of the difference of the two counts.

        As if the two were independent, which is the more careful: of the same solutions they go together.
        """
        return self.after - self.before > 2 * math.sqrt(self.before + self.after)

    @property
    def told(self) -> str:
        """In words."""
        return (
            f"of {self.solutions} solutions with a false equation {self.before} were right before, {self.after} after"
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the catalog."""

    name: str
    description: str
    licence: str  # SPDX identifier
    parameters: int  # embeddings included
    context: int  # tokens the model was trained for
    file: str  # its name on this machine
    bytes: int | None  # None, as is the hash: not known here; what comes is checked against what the hub says of it
    sha256: str | None  # 64 hexadecimal digits, lower case
    template: Template
    sources: tuple[Source, ...]  # in the order they are tried; one of the hub alone where the hash is not known
    verifier: VerifierForm | None = None  # None: it is no process reward model, and no generative verifier
    known_as: tuple[str, ...] = ()  # in the names of whatever files it, or its siblings, are read from
    repair: RepairFigure | None = None  # None: it has not been measured

    @property
    def shipped(self) -> Path | None:
        """Where it is, of a laboratory model, which comes with ttc; None: it is fetched."""
        return next((source.file for source in self.sources if isinstance(source, ShippedSource)), None)


def catalog() -> dict[str, Entry]:
    """All models by name, in alphabetical order.

    Raises ConfigError where a TOML has an unknown, missing or mistyped key.
    """
    return dict(_catalog(toml_folder(Path(__file__).parent)))


def find(name: str) -> Entry:
    """The model of this name; raises ModelError with the nearest name when there is none."""
    entries = catalog()
    if name in entries:
        return entries[name]
    close = difflib.get_close_matches(name, entries, n=1, cutoff=0.5)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    raise ModelError(f"unknown model {name!r}{guess}", hint="ttc models list")


def toml_folder(package: Path) -> Path:
    """Where the TOMLs are: inside the installed package, or at the root of the checkout the package is part of."""
    installed = package / "models"
    return installed if installed.is_dir() else package.parents[1] / "models"


def head_folder() -> Path:
    """Where the verifier heads are that come with ttc: beside the TOMLs; it may not exist."""
    return toml_folder(Path(__file__).parent) / "heads"


@functools.cache
def _catalog(folder: Path) -> tuple[tuple[str, Entry], ...]:
    entries = [read_entry(path) for path in sorted(folder.glob("*.toml"))]
    return tuple((entry.name, entry) for entry in entries)


def read_entry(path: Path) -> Entry:
    """The model of one TOML file; raises ConfigError that names the file and the key."""
    table = read_table(path)
    table.check("version", table.integer("version") == 1, "must be 1")
    template = table.table("template")
    template.check("rule", template.has("rule"), "is missing")
    entry = Entry(
        name=table.text("name"),
        description=table.text("description"),
        licence=table.text("licence"),
        parameters=table.positive("parameters"),
        context=table.positive("context"),
        file=table.text("file"),
        bytes=table.positive("bytes") if table.has("bytes") else None,
        sha256=table.text_or("sha256", None),
        template=read_template(template, Template()),
        sources=tuple(_source(each) for each in table.tables("source")),
        verifier=verifier_form(table.table("verifier")) if table.has("verifier") else None,
        known_as=table.texts("known_as") if table.has("known_as") else (),
        repair=_repair(table.table("repair")) if table.has("repair") else None,
    )
    table.check("name", entry.name == path.stem, f"must be {path.stem!r}, as the file is called")
    table.check("file", re.fullmatch(r"[\w.-]+\.gguf", entry.file) is not None, "must be a plain name ending in .gguf")
    table.check(
        "sha256", re.fullmatch(r"[0-9a-f]{64}|", entry.sha256 or "") is not None, "must be 64 hexadecimal digits"
    )
    known = (entry.bytes is not None, entry.sha256 is not None)
    table.check("sha256", known[0] == known[1], "and bytes are known both, or neither")
    alone = len(entry.sources) == 1 and isinstance(entry.sources[0], HubSource | WeightsSource)
    table.check("source", all(known) or alone, "must be one of the hub where bytes and sha256 are not known")
    ours = [isinstance(source, ShippedSource) for source in entry.sources]
    table.check("source", ours in ([True], [False] * len(ours)), "must be the only one where it comes with ttc")
    table.close()
    return entry


def _repair(table: Table) -> RepairFigure:
    figure = RepairFigure(
        solutions=table.positive("solutions"),
        before=table.integer("before"),
        after=table.integer("after"),
        measured=table.text("measured"),
        seed=table.integer("seed"),
    )
    for name, count in (("before", figure.before), ("after", figure.after)):
        table.check(name, 0 <= count <= figure.solutions, "must be from 0 to the number of solutions")
    table.close()
    return figure


def _source(table: Table) -> Source:
    source: Source
    match table.text("kind"):
        case "hub":
            source = HubSource(table.text("repo"), table.text("file"), table.text("revision"))
        case "wheels":
            source = WheelsSource(
                table.pattern("distribution"), table.text("version"), table.positive("count"), table.pattern("member")
            )
        case "file":
            source = FileSource(table.text("path"))
        case "weights":
            source = WeightsSource(table.text("repo"))
        case "shipped":
            source = ShippedSource(table.text("path"))
            parts = Path(source.path).parts
            table.check("path", bool(parts) and ".." not in parts and parts[0] != "/", "must lead down from here")
        case _:
            raise table.error("kind", "must be 'hub', 'wheels', 'file', 'weights' or 'shipped'")
    table.close()
    return source
