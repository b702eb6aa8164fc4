"""The images of a fake host: its own, and the registry they are pulled from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from .errors import EngineError, InvalidRequest, PullFailed
from .fake_world import Behaviour, Clock, Published, content_digest
from .port import ContainerSpec, ImageInfo
from .translate_state import split_reference

_ARCHIVE = b"fake image archive:"
_END = b":end"


class FakeImages:
    """That part of a FakeHost."""

    # What archives hold, by image id, for all hosts of the process: an id names content.
    _contents: ClassVar[dict[str, tuple[ImageInfo, Behaviour]]] = {}

    choose_behaviour: Callable[[ContainerSpec], Behaviour | None] | None

    def __init__(self, clock: Clock, *, any_image: bool) -> None:
        self.clock = clock
        self.any_image = any_image  # every reference is there, and behaves as Behaviour() unless told
        self.lock = threading.RLock()
        self.images: dict[str, ImageInfo] = {}  # by name, or by id where it has none
        self.registry: dict[str, Published] = {}
        self._behaviours: dict[str, Behaviour] = {}

    def add_image(
        self,
        reference: str,
        behaviour: Behaviour | None = None,
        *,
        from_registry: bool = False,
        published: Published | None = None,
    ) -> ImageInfo:
        """Have the image on the host. `from_registry`: with a repo digest, as after a pull (of `published`)."""
        repository, tag = split_reference(reference)
        key = f"{repository}:{tag}"
        what = published.tag + published.content if published is not None and published.tag else key
        with self.lock:
            image_id = content_digest("image", what)
            digests = (f"{repository}@{content_digest('manifest', what)}",) if from_registry else ()
            info = ImageInfo(
                id=image_id,
                digest=digests[0] if digests else image_id,
                repo_digests=digests,
                size=2_000_000,
                created_at=self.clock.now(),
                tags=() if tag.startswith("sha256:") else (key,),
            )
            self._keep_untagged(key, info)
            self.images[key] = info
            if behaviour is not None or key not in self._behaviours:
                self._behaviours[key] = behaviour or Behaviour()
            return info

    def publish(
        self,
        reference: str,
        behaviour: Behaviour | None = None,
        *,
        auth: tuple[str, str] | None = None,
        error: EngineError | None = None,
        content: str = "",
    ) -> None:
        """Put an image into the registry, to be pulled; with `auth` only with those credentials,
        with `error` never. Another `content` under the same tag moves the tag to another digest; both digests can
        be pulled."""
        repository, tag = split_reference(reference)
        key = f"{repository}:{tag}"
        published = Published(behaviour or Behaviour(), auth, error, key, content)
        self.registry[key] = published
        self.registry[f"{repository}:{content_digest('manifest', key + content)}"] = published

    def _keep_untagged(self, key: str, new: ImageInfo) -> None:
        """What the tag named before stays, reachable by digest and id."""
        old = self.images.get(key)
        if old is not None and old.id != new.id:
            self.images[old.id] = replace(old, tags=())
            self._behaviours[old.id] = self._behaviours.pop(key, Behaviour())

    def behave(self, reference: str, behaviour: Behaviour) -> None:
        """Containers of this image created from now on behave so."""
        self._behaviours[":".join(split_reference(reference))] = behaviour

    def find_image(self, reference: str) -> tuple[str, ImageInfo] | None:
        """(key, image) by reference, digest reference or id."""
        repository, tag = split_reference(reference)
        key = f"{repository}:{tag}"
        if key in self.images:
            return key, self.images[key]
        for known, info in self.images.items():
            if reference in (info.id, info.id.removeprefix("sha256:"), *info.repo_digests):
                return known, info
        if self.any_image and not tag.startswith("sha256:") and repository != "sha256":
            return key, self.add_image(reference)
        return None

    def behaviour_of(self, key: str, spec: ContainerSpec) -> Behaviour:
        chosen = self.choose_behaviour(spec) if self.choose_behaviour else None
        return chosen or self._behaviours.get(key) or Behaviour()

    def by_id(self) -> dict[str, ImageInfo]:
        """Each image once, with all its names."""
        found: dict[str, ImageInfo] = {}
        for info in self.images.values():
            known = found.get(info.id, replace(info, tags=(), repo_digests=()))
            digests = tuple(dict.fromkeys((*known.repo_digests, *info.repo_digests)))
            found[info.id] = replace(known, tags=(*known.tags, *info.tags), repo_digests=digests)
        return found

    def archive_of(self, key: str, info: ImageInfo) -> bytes:
        behaviour = self._behaviours.get(key, Behaviour())
        self._contents[info.id] = (replace(info, digest=info.id, repo_digests=(), tags=()), behaviour)
        return _ARCHIVE + info.id.encode() + _END

    def load(self, archive: bytes) -> None:
        """As the real engine words it."""
        if not archive.startswith(_ARCHIVE):
            raise InvalidRequest("archive/tar: invalid tar header")
        image_id = archive.removeprefix(_ARCHIVE).removesuffix(_END).decode()
        if not archive.endswith(_END) or image_id not in self._contents:
            raise PullFailed("Error processing tar file(exit status 1): unexpected EOF")
        info, behaviour = self._contents[image_id]
        with self.lock:
            if not any(known.id == image_id for known in self.images.values()):
                self.images[image_id] = info
                self._behaviours[image_id] = behaviour

    def remove_image(self, reference: str, image_id: str) -> None:
        """One of its names, or, by its id, all of it; raises InvalidRequest where that is in use."""
        names = [key for key, info in self.images.items() if info.id == image_id]
        by_id = reference.removeprefix("sha256:") == image_id.removeprefix("sha256:")
        if by_id and len(names) > 1:
            raise InvalidRequest(
                f"conflict: unable to delete {image_id[7:19]} (must be forced) - image is referenced in multiple "
                "repositories"
            )
        last = by_id or len(names) == 1
        if last and self._uses(image_id):
            raise InvalidRequest(
                f"conflict: unable to delete {image_id[7:19]} (cannot be forced) - image is being used by container"
            )
        for key in names:
            if by_id or self._names(key, reference):
                del self.images[key]

    def _names(self, key: str, reference: str) -> bool:
        repository, tag = split_reference(reference)
        return key == f"{repository}:{tag}" or reference in self.images[key].repo_digests

    def _uses(self, image_id: str) -> bool:
        """Whether a container is made from it."""
        raise NotImplementedError  # the host knows its containers
