"""What was found best for a model and a verifier, as a TOML file that a person can read and `ttc` reads strictly."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ttcli.allocate.difficulty import Bins, Difficulty
from ttcli.allocate.headroom import Headroom
from ttcli.allocate.marginal import Gains
from ttcli.allocate.optimal import Choice, chosen
from ttcli.errors import ConfigError
from ttcli.files.atomic import write_whole
from ttcli.files.paths import profiles_dir
from ttcli.files.toml import Table, parse_toml
from ttcli.stats.intervals import Interval
from ttcli.stats.logistic import Logistic, Term

VERSION = 2
READABLE = (1, VERSION)  # 1: searches and chains were measured with the whole budget, not after the probes
_AGAIN = "delete the file, or make it again with ttc calibrate"


@dataclass(frozen=True, slots=True)
class Made:
    """How a profile came about."""

    command: str
    data: str  # file name
    problems: int
    when: str  # ISO 8601
    ttc: str  # version


@dataclass(frozen=True, slots=True)
class Profile:
    """What to do with a problem, by difficulty and budget."""

    name: str
    model: str  # as the user calls it
    model_hash: str  # of its weights
    verifier: str  # as the user calls it; "": none
    verifier_hash: str  # of what it is made of; "": nothing besides the model
    reviser: str  # hash of the adapter that drew the revisions; "": the model itself did, or nothing was revised
    temperature: float  # of the samples
    unit: str  # what the budgets of the choices are counted in
    baseline: str  # the simple way
    made: Made
    difficulty: Difficulty
    bins: Bins
    choices: tuple[Choice, ...]
    gains: Gains | None = None  # None: nothing was learnt of how much to spend
    headroom: tuple[Headroom, ...] = ()  # by budget; (): not known
    probed: bool = True  # whether ways were measured as they run: after the probes, in one vote

    def __post_init__(self) -> None:
        if {choice.bin for choice in self.choices} != set(range(self.bins.count)):
            raise ValueError(f"there must be choices for the bins 0 to {self.bins.count - 1}, and no others")

    def choice(self, chance: float, budget: float) -> Choice:
        """For a problem of which one sample is right with this chance."""
        return chosen(self.choices, int(self.bins.of(np.array([chance]))[0]), budget)


def profiles(folder: Path | None = None, *, notice: Callable[[str], None] = lambda _: None) -> list[Profile]:
    """All of them, by name; `notice` is told of files that are none."""
    found = []
    for path in sorted((folder or profiles_dir()).glob("*.toml")):
        try:
            found.append(read_profile(path))
        except ConfigError as error:
            notice(f"warning: {error}; it is passed over")
    return found


def write_profile(profile: Profile, folder: Path | None = None) -> Path:
    """Keep a profile under its name, in place of one that has it."""
    path = (folder or profiles_dir()) / f"{profile.name}.toml"
    write_whole(path, render(profile))
    return path


def read_profile(path: Path) -> Profile:
    """A profile that was kept.

    Raises:
        ConfigError: there is no such file, or it is no profile.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read the profile {path}: {error.strerror}", hint="ttc profile list") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text: {error}", hint=_AGAIN) from error
    return parse(text, str(path))


def parse(text: str, file: str = "profile") -> Profile:
    """The profile that was rendered so; `file` is named in errors.

    Raises:
        ConfigError: it is no TOML, of another version, or has an unknown, missing or wrong key.
    """
    top = Table(file, "", parse_toml(text.encode(), file, _AGAIN), _AGAIN)
    if (version := top.whole("version")) not in READABLE:
        raise ConfigError(
            f"{file}: version is {version}, and this ttc reads {VERSION}", hint="make it again with ttc calibrate"
        )
    profile = top.build(
        Profile,
        **{key: top.text(key) for key in ("name", "model", "model_hash", "verifier", "verifier_hash", "reviser")},
        temperature=top.number("temperature"),
        unit=top.text("unit"),
        baseline=top.text("baseline"),
        made=_made(top.table("made")),
        difficulty=_difficulty(top.table("difficulty")),
        bins=top.build(Bins, edges=top.numbers("edges")),
        choices=tuple(_choice(table) for table in top.tables("choice")),
        gains=_gains(top.table("gains")) if top.has("gains") else None,
        headroom=tuple(_headroom(table) for table in top.tables("headroom")) if top.has("headroom") else (),
        probed=version > 1,
    )
    top.close()
    return profile


def _made(table: Table) -> Made:
    texts = {key: table.text(key) for key in ("command", "data", "when", "ttc")}
    made = Made(**texts, problems=table.whole("problems"))
    table.close()
    return made


def _difficulty(table: Table) -> Difficulty:
    model = _logistic(table.table("model"))
    difficulty = table.build(Difficulty, probes=table.whole("probes"), model=model)
    table.close()
    return difficulty


def _gains(table: Table) -> Gains:
    now, later = _logistic(table.table("now")), _logistic(table.table("later"))
    gains = table.build(Gains, now=now, later=later, settled=table.number("settled"))
    table.close()
    return gains


def _logistic(table: Table) -> Logistic:
    terms = {}
    intercept = table.number("intercept")
    for name, term in table.table("terms").subtables():
        terms[name] = term.build(
            Term, mean=term.number("mean"), spread=term.number("spread"), weight=term.number("weight")
        )
        term.close()
    table.close()
    return Logistic(intercept, terms)


def _choice(table: Table) -> Choice:
    low, high = table.pair("gain_interval")
    interval = table.pair_or_none("interval")
    choice = Choice(
        bin=table.whole("bin"),
        budget=table.number("budget"),
        strategy=table.text("strategy"),
        accuracy=table.number_or_none("accuracy"),
        interval=Interval(*interval) if interval else None,
        problems=table.whole("problems"),
        gain=table.number("gain"),
        gain_interval=Interval(low, high),
        own=table.number("own"),
        generations=table.number_or_none("generations"),
        tokens=table.number_or_none("tokens"),
        seconds=table.number_or_none("seconds"),
    )
    table.close()
    return choice


def _headroom(table: Table) -> Headroom:
    headroom = Headroom(
        fixed=table.text("fixed"),
        interval=Interval(*table.pair("interval")),
        settled=table.number_or_none("settled"),
        **{
            key: table.number(key) for key in ("budget", "accuracy", "by_bin", "by_bin_most", "by_problem_most", "luck")
        },
    )
    table.close()
    return headroom


def render(profile: Profile) -> str:
    """The profile as TOML; floats keep all their digits, and what is None is left out."""
    plain = ("name", "model", "model_hash", "verifier", "verifier_hash", "reviser", "temperature", "unit", "baseline")
    lines = [f"version = {VERSION if profile.probed else 1}", *(_pair(key, getattr(profile, key)) for key in plain)]
    lines += ["# chances that one sample is right, between bins: hardest first", _pair("edges", profile.bins.edges)]
    lines += ["", "[made]", *_pairs(profile.made)]
    for choice in profile.choices:
        lines += ["", "[[choice]]  # bin 0 is the easiest", *_pairs(choice)]
    for headroom in profile.headroom:
        lines += ["", "[[headroom]]  # gains over the best single way", *_pairs(headroom)]
    lines += ["", "[difficulty]", _pair("probes", profile.difficulty.probes)]
    lines += _model("difficulty.model", profile.difficulty.model)
    if profile.gains:
        lines += ["", "[gains]", _pair("settled", profile.gains.settled)]
        lines += _model("gains.now", profile.gains.now) + _model("gains.later", profile.gains.later)
    return "\n".join(lines) + "\n"


def _model(place: str, model: Logistic) -> list[str]:
    lines = ["", f"[{place}]", _pair("intercept", model.intercept), "", f"[{place}.terms]"]
    for name, term in model.terms.items():
        inside = ", ".join(_pairs(term))
        lines.append(f"{_text(name)} = {{ {inside} }}")
    return lines


def _pairs(value: Made | Choice | Headroom | Term) -> list[str]:
    held = {field.name: getattr(value, field.name) for field in fields(value)}
    return [_pair(key, each) for key, each in held.items() if each is not None]


def _pair(key: str, value: str | float | Sequence[float]) -> str:
    if isinstance(value, str):
        return f"{key} = {_text(value)}"
    if isinstance(value, (int, float)):
        return f"{key} = {value!r}"
    return f"{key} = [{', '.join(repr(each) for each in value)}]"


def _text(value: str) -> str:
    """A basic string: JSON's escapes are TOML's too, but for DEL, which JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
