"""Which image a revision runs: resolved once, to a digest, so that all its tasks run the same one.

An image that came from a registry is looked up there again (its tag may have moved) and pinned to its digest; where
the registry does not answer, what the engine has is used. An image that was built or loaded on the engine has no
registry to ask, and is pinned to its id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from clusters.engine.errors import EngineError, EngineUnavailable, ImageNotFound
from clusters.engine.port import Engine, ImageInfo, PullProgress
from services.models import TaskDefinition

log = logging.getLogger(__name__)

Pins = dict[str, dict[str, str]]  # container name -> {"image", "digest", "pin"}
Progress = Callable[[str, PullProgress], None]
Login = tuple[str, str]  # user name, password
LoginOf = Callable[[str], Login | None]


def _no_login(container: str) -> Login | None:
    return None


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


def resolve(
    definition: TaskDefinition, engine: Engine, progress: Progress, login: LoginOf = _no_login
) -> Pins:
    """The pins, pulling what is not at hand. `login`: of a container, by its name. Raises the engine's errors, and
    those of `login`."""
    done: dict[tuple[str, Login | None], str] = {}
    pins: Pins = {}
    for name, reference in references(definition).items():
        auth = None if is_pinned(reference) else login(name)
        if (reference, auth) not in done:
            done[reference, auth] = _resolve_one(reference, engine, progress, auth)
        pins[name] = pin(reference, done[reference, auth])
    return pins


def _resolve_one(reference: str, engine: Engine, progress: Progress, auth: Login | None) -> str:
    if is_pinned(reference):
        return reference
    before = engine.image(reference)
    if before is not None and not before.repo_digests:
        return before.id
    try:
        pull(reference, engine, progress, auth)
    except EngineUnavailable:
        raise
    except EngineError as error:
        if before is None:
            raise
        log.warning("%s: the registry was not reached, running what the engine has: %s", reference, error)
        return _pinned_reference(reference, before)
    after = engine.image(reference)
    if after is None:
        raise ImageNotFound(f"{reference} was pulled, but the engine does not have it")
    return _pinned_reference(reference, after)


def pull(reference: str, engine: Engine, progress: Progress, auth: Login | None = None) -> None:
    for step in engine.pull(reference, auth):
        progress(reference, step)


def _pinned_reference(reference: str, image: ImageInfo) -> str:
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
