"""Which image a revision runs: resolved once, to a digest, so that all its tasks run the same one.

An image that came from a registry is looked up there again (its tag may have moved) and pinned to its digest; one that
was built or loaded on an engine has no registry to ask, and is pinned to its id. `supply` brings them where they run.
"""

from __future__ import annotations

from typing import Any

from clusters.engine.port import Engine, ImageInfo
from services.models import TaskDefinition

Pins = dict[str, dict[str, str]]  # container name -> {"image", "digest", "pin"}


def references(definition: TaskDefinition) -> dict[str, str]:
    """Container name -> image reference, as the document has it."""
    return {container["name"]: container["image"] for container in definition.containers}


def is_pinned(reference: str) -> bool:
    """The reference names its content: nothing to resolve."""
    return "@sha256:" in reference or reference.startswith("sha256:")


def resolve_at_hand(definition: TaskDefinition, engine: Engine) -> Pins | None:
    """The pins, where no registry needs to be asked; None where one does."""
    pins: Pins = {}
    for name, reference in references(definition).items():
        if is_pinned(reference):
            pins[name] = pin(reference, reference)
            continue
        found = engine.image(reference)
        if found is None or found.repo_digests:
            return None
        pins[name] = pin(reference, found.id)
    return pins


def pinned_reference(reference: str, image: ImageInfo) -> str:
    """name@sha256:…, which any engine can pull; the image's id where there is no such name."""
    name = repository(reference)
    for digest in image.repo_digests:
        if digest.rpartition("@")[0] in (name, f"docker.io/{name}", f"docker.io/library/{name}"):
            return digest
    return image.repo_digests[0] if image.repo_digests else image.id


def repository(reference: str) -> str:
    """The reference without its tag: a colon after the last slash begins a tag, one before it a port."""
    head, slash, last = reference.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def pin(reference: str, pinned: str) -> dict[str, str]:
    digest = pinned.rpartition("@")[2]
    return {"image": reference, "digest": digest, "pin": pinned}


def container_image(images: dict[str, Any], name: str, reference: str) -> str:
    """What to hand to the engine for this container."""
    return str(images.get(name, {}).get("pin") or reference)
