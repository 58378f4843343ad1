"""Folders as other programs keep their models in, made of small files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

COMMIT = "a" * 40


def add_to_ollama(
    store: Path, name: str, gguf: Path, *, media: str = "model", more: Mapping[str, str] | None = None
) -> Path:
    """Keep a file as Ollama does, under HOST/NAMESPACE/MODEL/TAG; returns the blob."""
    digest = hashlib.sha256(gguf.read_bytes()).hexdigest()
    blob = store / "blobs" / f"sha256-{digest}"
    blob.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(gguf, blob)
    layers = [
        {
            "mediaType": f"application/vnd.ollama.image.{media}",
            "digest": f"sha256:{digest}",
            "size": gguf.stat().st_size,
        },
        {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:0", "size": 3},
        *(
            {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": value}
            for kind, value in (more or {}).items()
        ),
    ]
    manifest = store / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))
    return blob


def add_to_hub(
    hub: Path, repo: str, file: str, gguf: Path, *, commit: str = COMMIT, branch: str | None = "main"
) -> Path:
    """Keep a file as huggingface_hub does: a blob, and a link to it in the snapshot; returns the link."""
    folder = hub / f"models--{repo.replace('/', '--')}"
    blob = folder / "blobs" / hashlib.sha256(gguf.read_bytes()).hexdigest()
    blob.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(gguf, blob)
    link = folder / "snapshots" / commit / file
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(blob)
    if branch is not None:
        ref = folder / "refs" / branch
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(commit)
    return link


def add_to_lm_studio(models: Path, repo: str, file: str, gguf: Path) -> Path:
    """Keep a file as LM Studio does: PUBLISHER/REPOSITORY/FILE."""
    path = models / repo / file
    path.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(gguf, path))
