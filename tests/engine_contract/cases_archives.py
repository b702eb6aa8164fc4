"""Images saved, loaded, listed and removed: how they are carried from engine to engine, and cleaned up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clusters.engine.errors import EngineUnavailable, ImageNotFound, InvalidRequest, PullFailed
from clusters.engine.port import ImageInfo, Mount, NetworkSpec
from tests.lab import images

from .world import World

MISSING_ID = "sha256:" + "0" * 64


def _own(world: World) -> tuple[str, ImageInfo]:
    """An image of this case alone, by its one name."""
    image = images.IMAGES["idle"]
    reference = f"slipway-lab/own:{world.name().lower()}"
    # Its name within: two imports of the same files would be one image.
    changes = (*image.all_changes, f"LABEL made-for={reference}")
    made = world.engine.import_image(images.image_tar(image), reference, changes)
    return reference, made


def _gone(world: World, *references: str) -> None:
    for reference in references:
        world.engine.remove_image(reference)
        assert world.engine.image(reference) is None


def case_a_saved_image_loads_with_the_same_id_and_no_name(world: World) -> None:
    reference, made = _own(world)
    archive = list(world.engine.save_image(made.id))
    _gone(world, reference)
    assert world.engine.image(made.id) is None
    world.engine.load_image(iter(archive))
    loaded = world.engine.image(made.id)
    assert loaded is not None
    assert (loaded.id, loaded.digest, loaded.tags, loaded.repo_digests) == (made.id, made.id, (), ())
    assert world.engine.image(reference) is None
    _gone(world, made.id)


def case_a_container_runs_from_a_loaded_image(world: World) -> None:
    reference, made = _own(world)
    archive = list(world.engine.save_image(made.id))
    _gone(world, reference)
    world.engine.load_image(archive)
    container_id = world.running(made.id)
    assert world.state(container_id).image_id == made.id
    world.engine.remove_container(container_id)
    _gone(world, made.id)


def case_loading_what_is_there_is_success_and_keeps_its_names(world: World) -> None:
    reference, made = _own(world)
    world.engine.load_image(world.engine.save_image(made.id))
    assert world.engine.image(reference) == made
    _gone(world, reference)


def case_saving_what_is_not_there(world: World) -> None:
    with pytest.raises(ImageNotFound):
        world.engine.save_image(MISSING_ID)


def case_loading_what_is_no_archive(world: World) -> None:
    with pytest.raises(InvalidRequest):
        world.engine.load_image([b"not an archive " * 1000])


def case_loading_an_archive_that_ends_too_soon(world: World) -> None:
    _, made = _own(world)
    archive = b"".join(world.engine.save_image(made.id))
    _gone(world, made.id)
    with pytest.raises(PullFailed) as failed:
        world.engine.load_image([archive[: len(archive) // 2]])
    assert failed.value.retryable
    assert world.engine.image(made.id) is None


def case_what_breaks_the_archive_off_comes_through(world: World) -> None:
    _, made = _own(world)
    first, *_ = list(world.engine.save_image(made.id))
    _gone(world, made.id)

    def broken() -> Iterator[bytes]:
        yield first
        raise EngineUnavailable("the source is gone")

    with pytest.raises(EngineUnavailable, match="the source is gone"):
        world.engine.load_image(broken())
    world.engine.ping()
    assert world.engine.image(made.id) is None


def case_images_are_listed_with_their_names(world: World) -> None:
    reference, made = _own(world)
    pulled = world.published("idle")
    list(world.engine.pull(pulled))
    listed = {image.id: image for image in world.engine.list_images()}
    assert listed[made.id].tags == (reference,)
    found = world.engine.image(pulled)
    assert found is not None
    assert listed[found.id].tags == (pulled,)
    assert listed[found.id].repo_digests == found.repo_digests
    assert all(image.digest == image.id for image in listed.values())
    _gone(world, reference, pulled)


def case_a_pulled_image_goes_with_its_tag(world: World) -> None:
    reference = world.published("idle")
    list(world.engine.pull(reference))
    found = world.engine.image(reference)
    assert found is not None
    _gone(world, reference)
    assert world.engine.image(found.digest) is None
    # The same content may be there under another's name, which stays.
    left = world.engine.image(found.id)
    assert left is None or reference not in left.tags


def case_an_image_pulled_by_digest_goes_with_its_digest(world: World) -> None:
    reference = world.published("idle")
    list(world.engine.pull(reference))
    digest = world.engine.image(reference).digest  # type: ignore[union-attr]
    _gone(world, reference)
    list(world.engine.pull(digest))
    found = world.engine.image(digest)
    assert found is not None
    assert reference not in found.tags
    assert digest in found.repo_digests
    _gone(world, digest)
    left = world.engine.image(found.id)
    assert left is None or digest not in left.repo_digests


def case_removing_what_is_not_there_is_success(world: World) -> None:
    world.engine.remove_image(MISSING_ID)
    world.engine.remove_image("slipway-lab/absent:1")


def case_an_image_in_use_is_not_removed(world: World) -> None:
    reference, made = _own(world)
    container_id = world.created(reference)
    assert made.id in world.engine.in_use().images
    for named in (reference, made.id):
        with pytest.raises(InvalidRequest):
            world.engine.remove_image(named)
    assert world.engine.image(reference) == made
    world.engine.remove_container(container_id)
    _gone(world, reference)


def case_an_image_in_use_by_a_stranger_is_not_removed(world: World) -> None:
    reference, made = _own(world)
    container_id = world.stranger.create_container(world.spec(reference))
    assert made.id in world.engine.in_use().images
    with pytest.raises(InvalidRequest):
        world.engine.remove_image(made.id)
    world.stranger.remove_container(container_id)
    _gone(world, made.id)


def case_an_image_with_several_names_is_not_removed_by_id(world: World) -> None:
    reference = world.published("idle")
    list(world.engine.pull(reference))
    found = world.engine.image(reference)
    assert found is not None
    other = world.tagged(found.id)
    with pytest.raises(InvalidRequest):
        world.engine.remove_image(found.id)
    world.engine.remove_image(reference)
    assert world.engine.image(reference) is None
    kept = world.engine.image(other)
    assert kept is not None
    assert kept.id == found.id
    _gone(world, other)


def case_what_containers_hang_on_is_in_use(world: World) -> None:
    network, volume = world.name(), world.name()
    world.engine.ensure_network(NetworkSpec(network, {}))
    world.stranger.ensure_volume(volume, {})
    container_id = world.stranger.create_container(
        world.spec(network_mode=network, mounts=(Mount("volume", "/data", volume),))
    )
    used = world.engine.in_use()
    assert network in used.networks
    assert volume in used.volumes
    world.stranger.remove_container(container_id)
    used = world.engine.in_use()
    assert network not in used.networks
    assert volume not in used.volumes
