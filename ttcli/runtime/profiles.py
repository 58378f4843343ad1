"""Which profile `--method auto` goes by: the one named, the one put to use for a model, or the latest that fits."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ttcli.catalog.entry import DEFAULT_MODEL
from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.progress import Progress
from ttcli.catalog.pull import resolve
from ttcli.errors import ConfigError, ModelError, UsageError
from ttcli.files.atomic import write_whole
from ttcli.files.paths import profiles_dir
from ttcli.files.remembered import recalled, remember
from ttcli.runtime.adapters import meant
from ttcli.runtime.loader import score_key
from ttcli.runtime.runtime import SCRIPTED
from ttcli.runtime.settings import Settings
from ttcli.verifier.spec import VerifierSpec

if TYPE_CHECKING:
    from ttcli.allocate.profile import Profile

_OFTEN = 100  # problems without a profile between two hints
NONE = "none"  # instead of the name of a profile
MAKE = "ttc calibrate DEV.jsonl makes one"

_AGAIN = "make it again with ttc calibrate, or leave out --profile"


def find_profile(settings: Settings, wanted: str | None, progress: Progress) -> Profile | None:
    """The profile for a policy, and for the verifier where the settings name one; None: none is there, or wanted.

    A model that is not here yet is fetched, if there are profiles at all.

    Raises:
        UsageError: the profile wanted does not exist, or was made with another model, temperature, reviser or verifier;
            none was made with the verifier that the settings name.
        ModelError, DownloadError: the model cannot be had.
    """
    if wanted == NONE:
        return None
    if wanted is None and not any(profiles_dir().glob("*.toml")):
        return _none_for(settings)
    from ttcli.allocate.profile import profiles  # numpy: not before it is needed

    known = profiles(notice=progress.note)
    if wanted is not None:
        profile = named(wanted, known)
        misfit = _misfit(profile, settings, _weights(settings, progress), progress)
        if misfit is not None:
            raise UsageError(f"the profile {wanted} was made {misfit.made}", hint=misfit.hint)
        return profile
    weights = _weights(settings, progress)
    fitting = [each for each in known if _misfit(each, settings, weights, progress) is None]
    used = in_use().get(weights)
    best = max(fitting, key=lambda each: (each.name == used, each.made.when), default=None)
    return best or _none_for(settings)


def named(wanted: str, known: list[Profile]) -> Profile:
    """The profile of a name.

    Raises:
        UsageError: there is none.
    """
    found = next((each for each in known if each.name == wanted), None)
    if found is None:
        names = ", ".join(each.name for each in known)
        raise UsageError(f"there is no profile {wanted!r}", hint=f"one of {names}" if names else MAKE)
    return found


def in_use() -> dict[str, str]:
    """Names of the profiles put to use, by the hash of the model.

    Raises:
        ConfigError: the file of them cannot be read.
    """
    path = _in_use()
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="delete it") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold one JSON object", hint="delete it")
    return {str(model): str(name) for model, name in content.items()}


def use(profile: Profile) -> None:
    """Have `--method auto` go by this profile wherever its model is used."""
    write_whole(_in_use(), json.dumps({**in_use(), profile.model_hash: profile.name}, indent=2))


def worth_a_hint(model: str) -> bool:
    """Whether a user without a profile for a model should hear of calibration: at once, and every so often."""
    path = profiles_dir() / "hints.json"
    counts = recalled(path)
    told = count if isinstance(count := counts.get(model), int) else 0
    remember(path, {**counts, model: told + 1})
    return told % _OFTEN == 0


def remove(profile: Profile) -> None:
    """Delete a profile, and have no model go by it any more.

    Raises:
        ConfigError: it cannot be deleted.
    """
    path = profiles_dir() / f"{profile.name}.toml"
    try:
        path.unlink()
    except OSError as error:
        raise ConfigError(f"{path} cannot be deleted: {error.strerror}", hint="delete it by hand") from error
    used = in_use()
    left = {model: name for model, name in used.items() if name != profile.name}
    if left != used:
        write_whole(_in_use(), json.dumps(left, indent=2))


def _in_use() -> Path:
    return profiles_dir() / "use.json"


def _none_for(settings: Settings) -> Profile | None:
    """None; who names a verifier wants a profile."""
    if settings.verifier_name is not None:
        raise UsageError(
            f"no profile for this model was made with the verifier {settings.verifier_name}",
            hint=f"ttc calibrate DEV.jsonl --verifier {settings.verifier_name}, or leave out --verifier",
        )
    return None


class _Misfit(NamedTuple):
    """Why a profile tells nothing of a run."""

    made: str  # how it was made
    hint: str


def _misfit(profile: Profile, settings: Settings, weights: str, progress: Progress) -> _Misfit | None:
    """What a profile was made with that the settings differ in, as it is now; None: nothing."""

    def of_model(name: str | None) -> str:
        return weights if name is None else fingerprint(resolve(meant(name), offline=True, progress=progress))

    if profile.model_hash != weights:
        own = settings.model or settings.policy
        return _Misfit(f"for {profile.model}, not for {own}", f"--model {profile.model}, or leave out --profile")
    if profile.temperature != settings.sampling.temperature:
        told = f"at temperature {profile.temperature:g}, not at {settings.sampling.temperature:g}"
        return _Misfit(told, f"--temperature {profile.temperature:g}, or make one: ttc calibrate")
    if profile.reviser != (of_model(settings.reviser) if settings.reviser else ""):
        return _Misfit("with another reviser" if profile.reviser else "without a reviser", _AGAIN)
    if settings.verifier_name is not None and str(VerifierSpec.parse(settings.verifier_name)) != profile.verifier:
        return _Misfit(f"with {profile.verifier or 'no verifier'}, not with {settings.verifier_name}", _AGAIN)
    if profile.verifier:
        try:
            key = score_key(VerifierSpec.parse(profile.verifier), settings, of_model)
        except ModelError:  # what it is made of is not on this machine any more
            key = None
        if profile.verifier_hash != key:
            return _Misfit(f"with {profile.verifier}, which is another one now", _AGAIN)
    return None


def _weights(settings: Settings, progress: Progress) -> str:
    """What the policy's weights are filed under; "": only a run can tell."""
    if settings.policy is not None:
        return settings.model or ""
    name = settings.model or DEFAULT_MODEL
    if name.startswith(SCRIPTED):
        script = Path(name.removeprefix(SCRIPTED))
        return sha256(script.read_bytes()).hexdigest() if script.is_file() else ""
    return fingerprint(resolve(name, offline=settings.offline, progress=progress))
