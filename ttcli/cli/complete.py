"""What the shell may complete an argument to; llama.cpp and numpy stay unloaded, and nothing that fails is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ttcli.errors import TtcError

Completion = Callable[[str], list[str]]


def _completing(names: Callable[[], Iterable[str]]) -> Completion:
    """Those of some names that begin like what has been typed; none where they cannot be had."""

    def complete(incomplete: str) -> list[str]:
        try:
            return [name for name in names() if name.startswith(incomplete)]
        except (TtcError, OSError):
            return []

    return complete


def _methods() -> Iterable[str]:
    from ttcli.search.methods import METHODS

    return METHODS


def _models() -> Iterable[str]:
    from ttcli.catalog.entry import catalog
    from ttcli.catalog.found import found_models
    from ttcli.catalog.places import Places

    return dict.fromkeys([*catalog(), *(model.name for model in found_models(Places()) if model.path)])


def _heads() -> Iterable[str]:
    from ttcli.runtime.heads import head_files

    return head_files()


def _verifiers() -> Iterable[str]:
    from ttcli.verifier.spec import KNOWN

    plain = [name for name in KNOWN.split(", ") if not name.endswith(("NAME", "MODEL", "CMD"))]
    named = [f"{kind}:{name}" for kind in ("prm", "likelihood", "judge") for name in _models()]
    return [*plain, *(f"head:{name}" for name in _heads()), *named, "command:"]


def _profiles() -> Iterable[str]:
    from ttcli.files.paths import profiles_dir

    return sorted(path.name.removesuffix(".toml") for path in profiles_dir().glob("*.toml"))


def _prompts() -> Iterable[str]:
    from ttcli.policy.prompt_file import shipped

    return shipped()


def _runs() -> Iterable[str]:
    from ttcli.bench.store.database import Database
    from ttcli.files.paths import store_file

    database = Database(store_file(), readonly=True)
    try:
        return ["last", *(run for (run,) in database.read("SELECT id FROM run ORDER BY rowid DESC"))]
    finally:
        database.close()


methods, models, heads = _completing(_methods), _completing(_models), _completing(_heads)
prompts = _completing(_prompts)
verifiers, profiles, runs = _completing(_verifiers), _completing(_profiles), _completing(_runs)
