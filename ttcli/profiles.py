"""Which profile `--method auto` goes by: the one named, the one put to use for a model, or the latest that fits."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ttcli.catalog.entry import DEFAULT_MODEL
from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.home import profiles_dir
from ttcli.catalog.progress import Progress
from ttcli.catalog.pull import resolve
from ttcli.errors import ConfigError, ModelError, UsageError
from ttcli.settings import Settings
from ttcli.solve import SCRIPTED
from ttcli.verifier.spec import VerifierSpec
from ttcli.verifiers import score_key

if TYPE_CHECKING:
    from ttcli.allocate.profile import Profile

NONE = "none"  # instead of the name of a profile
MAKE = "ttc calibrate DEV.jsonl makes one"


def find_profile(settings: Settings, wanted: str | None, progress: Progress) -> Profile | None:
    """The profile for a policy, and for the verifier where the settings name one; None: none is there, or wanted.

    A model that is not here yet is fetched, if there are profiles at all.

    Raises:
        UsageError: the profile wanted does not exist, or was made with another model or verifier; none was made with
            the verifier that the settings name.
        ConfigError: a profile cannot be read.
        ModelError, DownloadError: the model cannot be had.
    """
    if wanted == NONE:
        return None
    if wanted is None and not any(profiles_dir().glob("*.toml")):
        return _none_for(settings)
    from ttcli.allocate.profile import profiles  # numpy: not before it is needed

    known = profiles()
    if wanted is not None:
        profile = named(wanted, known)
        if profile.model_hash != _weights(settings, progress):
            raise UsageError(
                f"the profile {wanted} was made for {profile.model}, not for {settings.model or settings.policy}",
                hint=f"--model {profile.model}, or leave out --profile",
            )
        if not _fits(profile, settings, profile.model_hash, progress):
            raise UsageError(
                f"the profile {wanted} was made with {profile.verifier or 'no verifier'}, which is another one now",
                hint="make it again with ttc calibrate",
            )
        return profile
    weights = _weights(settings, progress)
    fitting = [each for each in known if weights and _fits(each, settings, weights, progress)]
    used = in_use().get(weights or "")
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
    path = _in_use()
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps({**in_use(), profile.model_hash: profile.name}, indent=2), encoding="utf-8")
    beside.replace(path)


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


def _fits(profile: Profile, settings: Settings, weights: str, progress: Progress) -> bool:
    """Whether it was made with this model, and with the verifier that the settings name, if any, as that is now."""
    if settings.verifier_name is not None and str(VerifierSpec.parse(settings.verifier_name)) != profile.verifier:
        return False

    def of_model(name: str | None) -> str:
        return weights if name is None else fingerprint(resolve(name, offline=True, progress=progress))

    if not profile.verifier or profile.model_hash != weights:
        return profile.fits(weights, profile.verifier_hash)
    try:
        return profile.fits(weights, score_key(VerifierSpec.parse(profile.verifier), settings, of_model))
    except ModelError:  # what it is made of is not on this machine any more
        return False


def _weights(settings: Settings, progress: Progress) -> str | None:
    """What the policy's weights are filed under; None: only a run can tell."""
    if settings.policy is not None:
        return settings.model
    name = settings.model or DEFAULT_MODEL
    if name.startswith(SCRIPTED):
        script = Path(name.removeprefix(SCRIPTED))
        return sha256(script.read_bytes()).hexdigest() if script.is_file() else None
    return fingerprint(resolve(name, offline=settings.offline, progress=progress))
