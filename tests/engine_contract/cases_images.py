"""Images: looking, importing, pulling, pinning."""

from __future__ import annotations

import pytest

from clusters.engine.errors import ImageNotFound, InvalidRequest, PullDenied, PullFailed
from tests.lab import images

from .world import CREDENTIALS, World


def case_an_absent_image_is_none(world: World) -> None:
    assert world.engine.image("slipway-lab/absent:1") is None


def case_a_local_image_is_pinned_by_its_id(world: World) -> None:
    found = world.engine.image(world.image("idle"))
    assert found is not None
    assert found.id.startswith("sha256:") and len(found.id) == 71
    assert (found.digest, found.repo_digests) == (found.id, ())
    assert found.size > 1_000_000


def case_an_image_is_found_by_its_id(world: World) -> None:
    found = world.engine.image(world.image("idle"))
    assert found is not None
    assert world.engine.image(found.id) == found


def case_a_container_can_be_made_from_an_id(world: World) -> None:
    found = world.engine.image(world.image("idle"))
    assert found is not None
    assert world.state(world.running(found.digest)).image_id == found.id


def case_import_answers_the_image(world: World) -> None:
    image = images.IMAGES["done"]
    reference = f"slipway-lab/imported:{world.name().lower()}"
    made = world.engine.import_image(images.image_tar(image), reference, image.all_changes)
    assert world.engine.image(reference) == made


def case_import_under_an_invalid_reference(world: World) -> None:
    with pytest.raises(InvalidRequest):
        world.engine.import_image(images.image_tar(images.IMAGES["done"]), "Not/A Reference:x")


def case_pull_brings_the_image_and_its_digest(world: World) -> None:
    reference = world.published("idle")
    assert world.engine.image(reference) is None
    progress = list(world.engine.pull(reference))
    assert progress and all(step.done <= step.total for step in progress)
    found = world.engine.image(reference)
    assert found is not None
    assert found.digest.startswith(f"{reference.rpartition(':')[0]}@sha256:")
    assert found.repo_digests == (found.digest,)


def case_pulled_images_run_by_reference_and_by_digest(world: World) -> None:
    reference = world.published("crash")
    list(world.engine.pull(reference))
    pinned = world.engine.image(reference)
    assert pinned is not None
    for named in (reference, pinned.digest):
        state = world.ended(world.running(named))
        assert (state.exit_code, state.image_id) == (3, pinned.id)


def case_pulling_again_is_success(world: World) -> None:
    reference = world.published("idle")
    list(world.engine.pull(reference))
    list(world.engine.pull(reference))
    assert world.engine.image(reference) is not None


def case_pulling_what_the_registry_does_not_have(world: World) -> None:
    with pytest.raises(ImageNotFound):
        list(world.engine.pull(world.unknown_reference()))


def case_pulling_without_credentials_is_denied(world: World) -> None:
    with pytest.raises(PullDenied) as refused:
        list(world.engine.pull(world.published("idle", closed=True)))
    assert not refused.value.retryable


def case_pulling_with_wrong_credentials_is_denied(world: World) -> None:
    with pytest.raises(PullDenied):
        list(world.engine.pull(world.published("idle", closed=True), ("puller", "wrong")))


def case_pulling_with_credentials(world: World) -> None:
    reference = world.published("idle", closed=True)
    list(world.engine.pull(reference, CREDENTIALS))
    assert world.engine.image(reference) is not None


def case_a_registry_that_does_not_answer_is_worth_another_try(world: World) -> None:
    with pytest.raises(PullFailed) as failed:
        list(world.engine.pull(world.unreachable_registry()))
    assert failed.value.retryable and failed.value.retry_after > 0


def case_pulling_an_invalid_reference(world: World) -> None:
    with pytest.raises(InvalidRequest):
        list(world.engine.pull("Not/A Reference"))
