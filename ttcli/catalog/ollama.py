"""Ollama's store: a manifest per model and tag names the blob that is its GGUF.

The layout is that of Ollama's server: manifests/HOST/NAMESPACE/MODEL/TAG, and blobs/sha256-HEX.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttcli.catalog.progress import size_text
from ttcli.errors import ModelError

PREFIX = "ollama:"

_DEFAULTS = ("registry.ollama.ai", "library")
_TAG = "latest"
_LAYER = "application/vnd.ollama.image."
_LARGEST = 1 << 20  # bytes of a manifest


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model of a store, by its four names."""

    store: Path
    host: str
    namespace: str
    model: str
    tag: str

    @property
    def name(self) -> str:
        """As Ollama lists it: what stands for itself left out, but for the tag."""
        shown = [self.host, self.namespace, self.model]
        for standing in _DEFAULTS:
            if shown[0] != standing:
                break
            shown = shown[1:]
        return f"{'/'.join(shown)}:{self.tag}"

    @property
    def path(self) -> Path:
        """The file of the manifest."""
        return self.store / "manifests" / self.host / self.namespace / self.model / self.tag

    def blob(self) -> Path:
        """The GGUF.

        Raises:
            ModelError: the manifest cannot be read, names no GGUF of its own, or one that is not there as it should be.
        """
        layers = self._layers()
        models = [layer for layer in layers if layer.get("mediaType") == f"{_LAYER}model"]
        if any(layer.get("mediaType") == f"{_LAYER}adapter" for layer in layers):
            raise ModelError(
                f"{PREFIX}{self.name} is a model with an adapter on it, which ttc would leave out",
                hint="name the model without it, or its GGUF and the adapter: --model FILE --reviser ADAPTER",
            )
        if len(models) != 1:
            held = "several GGUF files" if models else "no GGUF"
            raise ModelError(
                f"{PREFIX}{self.name} has {held} in Ollama's store: it runs elsewhere, or is kept in another form",
                hint="ttc models list --found shows what can be used",
            )
        digest = re.fullmatch(r"sha256[:-]([0-9a-f]{64})", str(models[0].get("digest")))
        if digest is None:
            raise self._broken("it names no blob")
        return self._checked(digest[1], models[0].get("size"))

    def _layers(self) -> list[dict[str, Any]]:
        try:
            with self.path.open("rb") as file:
                content = json.loads(file.read(_LARGEST))
            return [layer for layer in content["layers"] if isinstance(layer, dict)]
        except OSError as error:
            raise self._broken(str(error.strerror)) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._broken("it is no manifest") from error

    def _checked(self, digest: str, size: object) -> Path:
        blobs = [self.store / "blobs" / f"sha256{mark}{digest}" for mark in "-:"]  # the latter in older stores
        blob = next((path for path in blobs if path.is_file()), None)
        again = f"ollama pull {self.name}"
        if blob is None:
            raise ModelError(f"{PREFIX}{self.name} has a manifest, but its blob {blobs[0]} is missing", hint=again)
        found = blob.stat().st_size
        if isinstance(size, int) and found != size:
            raise ModelError(
                f"{PREFIX}{self.name} is not whole: {blob} has {size_text(found)} of {size_text(size)}", hint=again
            )
        return blob

    def _broken(self, reason: str) -> ModelError:
        return ModelError(f"cannot read Ollama's manifest {self.path}: {reason}", hint=f"ollama pull {self.name}")


def manifests(stores: Sequence[Path]) -> list[Manifest]:
    """All models of these stores, by name."""
    found = []
    for store in stores:
        root = store / "manifests"
        try:
            files = [path for path in root.glob("*/*/*/*") if path.is_file()]
        except OSError:  # somebody else's
            continue
        parts = (path.relative_to(root).parts for path in files)
        found += [Manifest(store, *part) for part in parts if not any(name.startswith(".") for name in part)]
    return sorted(found, key=lambda each: each.name)


def find(spec: str, stores: Sequence[Path]) -> Path:
    """The GGUF of `ollama:NAME[:TAG]`, where NAME may have a host and a namespace before it.

    Without a tag: `latest`, or the only one there is.

    Raises:
        ModelError: there is no such model, or its GGUF is not to be had; see `Manifest.blob`.
    """
    wanted = spec.removeprefix(PREFIX)
    known = manifests(stores)
    if not known:
        if closed := [store for store in stores if _closed(store)]:
            raise ModelError(
                f"{closed[0]} may not be read by this user: Ollama's service keeps its models there",
                hint='sudo usermod -aG ollama "$USER", and log in again',
            )
        places = " and ".join(map(str, stores))
        raise ModelError(
            f"there is no {spec}: Ollama keeps no models in {places}",
            hint="OLLAMA_MODELS names another folder; ttc models list --found shows what is here",
        )
    names = {each.name.casefold(): each for each in reversed(known)}  # that of the first store counts
    exact = names.get(wanted.casefold()) or names.get(f"{wanted}:{_TAG}".casefold())
    if exact is not None:
        return exact.blob()
    tags = [names[name] for name in sorted(names) if name.rpartition(":")[0] == wanted.casefold()]
    if len(tags) == 1:
        return tags[0].blob()
    if tags:
        several = ", ".join(each.tag for each in tags)
        raise ModelError(f"{spec} has several tags: {several}", hint=f"--model {PREFIX}{tags[0].name}")
    close = [names[name].name for name in difflib.get_close_matches(wanted.casefold(), names, n=3, cutoff=0.4)]
    guess = f"; did you mean {' or '.join(PREFIX + name for name in close)}?" if close else ""
    raise ModelError(f"Ollama has no model {wanted!r} here{guess}", hint="ttc models list --found")


def _closed(store: Path) -> bool:
    """Whether a store is there, for others to read."""
    try:
        next((store / "manifests").iterdir(), None)
    except PermissionError:
        return True
    except OSError:
        return False
    return False
