"""Images, networks and volumes of the fake engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from .errors import EngineUnavailable, ImageNotFound, InvalidRequest, PullDenied, PullFailed
from .fake_client import FakeClient, operation
from .fake_world import Published
from .port import LABEL_INSTALLATION, ImageInfo, InUse, NetworkSpec, NetworkState, PullProgress
from .translate_spec import owned
from .translate_state import is_reference, split_reference


class FakeObjects(FakeClient):
    """That half of the port."""

    @operation
    def image(self, reference: str) -> ImageInfo | None:
        with self.host.lock:
            found = self.host.find_image(reference)
            return found[1] if found else None

    @operation
    def pull(self, reference: str, auth: tuple[str, str] | None = None) -> Iterator[PullProgress]:
        host = self.host
        if not is_reference(reference):
            raise InvalidRequest("invalid reference format")
        published = host.registry.get(":".join(split_reference(reference)))
        if published is None and not host.any_image:
            raise ImageNotFound(f"manifest for {reference} not found: manifest unknown")
        if published is not None and published.auth not in (None, auth):
            raise PullDenied(f"pull access denied for {reference}: no basic auth credentials")
        if published is not None and published.error is not None:
            raise published.error
        return self._pulling(reference, published)

    @operation
    def import_image(self, tar: bytes, reference: str, changes: Sequence[str] = ()) -> ImageInfo:
        if not is_reference(reference):
            raise InvalidRequest("invalid reference format")
        return self.host.add_image(reference)

    @operation
    def save_image(self, image_id: str) -> Iterator[bytes]:
        with self.host.lock:
            found = self.host.find_image(image_id)
            if found is None:
                raise ImageNotFound(f"No such image: {image_id}")
            return self._saving(self.host.archive_of(*found))

    @operation
    def load_image(self, archive: Iterable[bytes]) -> None:
        self.host.load(b"".join(archive))

    @operation
    def list_images(self) -> Sequence[ImageInfo]:
        with self.host.lock:
            return [replace(info, digest=info.id) for info in self.host.by_id().values()]

    @operation
    def in_use(self) -> InUse:
        with self.host.lock:
            containers = list(self.host.containers.values())
            mounts = [mount for one in containers for mount in one.spec.mounts if mount.kind == "volume"]
            return InUse(
                images=frozenset(one.image_id for one in containers),
                volumes=frozenset(mount.source for mount in mounts),
                networks=frozenset(one.spec.network_mode for one in containers),
            )

    @operation
    def remove_image(self, reference: str) -> None:
        with self.host.lock:
            found = self.host.find_image(reference)
            if found is not None:
                self.host.remove_image(reference, found[1].id)

    # networks and volumes -------------------------------------------------------------------

    @operation
    def ensure_network(self, spec: NetworkSpec) -> NetworkState:
        host = self.host
        with host.lock:
            found = host.network.networks.get(spec.name)
            if found is None:
                return host.network.create(spec, self.installation, host.new_id("network"))
            self._refuse_foreign("Network", spec.name, found.labels)
            return found

    @operation
    def list_networks(self) -> Sequence[NetworkState]:
        with self.host.lock:
            states = self.host.network.networks.values()
            return [one for one in states if one.labels.get(LABEL_INSTALLATION) == self.installation]

    @operation
    def remove_network(self, name: str) -> None:
        host = self.host
        with host.lock:
            found = host.network.networks.get(name)
            if found is None:
                return
            self._refuse_foreign("Network", name, found.labels)
            if any(one.status == "running" and name in one.addresses for one in host.containers.values()):
                raise InvalidRequest(f"error while removing network: network {name} has active endpoints")
            del host.network.networks[name]

    @operation
    def ensure_volume(
        self,
        name: str,
        labels: Mapping[str, str],
        driver: str = "local",
        options: Mapping[str, str] | None = None,
    ) -> None:
        if driver != "local":
            raise InvalidRequest(f'error looking up volume plugin {driver}: plugin "{driver}" not found')
        with self.host.lock:
            self.host.volumes.setdefault(name, owned(labels, self.installation))

    @operation
    def list_volumes(self) -> Sequence[str]:
        with self.host.lock:
            volumes = self.host.volumes.items()
            return sorted(n for n, labels in volumes if labels.get(LABEL_INSTALLATION) == self.installation)

    @operation
    def remove_volume(self, name: str) -> None:
        host = self.host
        with host.lock:
            labels = host.volumes.get(name)
            if labels is None:
                return
            self._refuse_foreign("Volume", name, labels)
            mounts = [mount for one in host.containers.values() for mount in one.spec.mounts]
            if any(mount.kind == "volume" and mount.source == name for mount in mounts):
                raise InvalidRequest(f"remove {name}: volume is in use")
            del host.volumes[name]

    def _saving(self, archive: bytes) -> Iterator[bytes]:
        for piece in (archive[:16], archive[16:]):
            if not self.host.reachable:
                raise EngineUnavailable(f"The engine {self.host.name} did not answer.")
            yield piece

    def _pulling(self, reference: str, published: Published | None) -> Iterator[PullProgress]:
        size = 2_000_000
        yield PullProgress(f"Pulling from {split_reference(reference)[0]}", 0, 0)
        for done in (0, size // 2, size):
            if not self.host.reachable:
                raise PullFailed("The pull broke off.")
            yield PullProgress("Downloading", done, size)
        with self.host.lock:
            behaviour = published.behaviour if published else None
            self.host.add_image(reference, behaviour, from_registry=True, published=published)
        yield PullProgress("Pull complete", size, size)
