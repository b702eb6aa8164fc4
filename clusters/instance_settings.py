"""What the ECS agent's configuration file says of one instance: its own, or, where it has none, the installation's.

Pull behaviour (ECS_IMAGE_PULL_BEHAVIOR) tells when an image is pulled that the instance has already. Only names that
may move (tags) raise the question: a digest or an id names its content, what is there is what a pull would bring, and
only `always` asks the registry all the same.
"""

from __future__ import annotations

from django.conf import settings

from clusters.models import ContainerInstance

DEFAULT = "default"  # pulled; where that fails, what is there is run
ALWAYS = "always"  # pulled for every task; where that fails, the task fails
ONCE = "once"  # pulled unless an earlier pull of ours brought it to this instance
PREFER_CACHED = "prefer-cached"  # pulled only where it is missing, and never cleaned up
PULL_BEHAVIORS = (DEFAULT, ALWAYS, ONCE, PREFER_CACHED)
ENABLED, DISABLED = "enabled", "disabled"
IMAGE_CLEANUPS = (ENABLED, DISABLED)

PULL_BEHAVIOR, IMAGE_CLEANUP = "imagePullBehavior", "imageCleanup"  # as they stand in the row


def pull_behavior(instance: ContainerInstance) -> str:
    return str(instance.settings.get(PULL_BEHAVIOR) or settings.SLIPWAY_IMAGE_PULL_BEHAVIOR)


def image_cleanup(instance: ContainerInstance) -> str:
    """Whether unused images of ours are removed from it."""
    return str(instance.settings.get(IMAGE_CLEANUP) or settings.SLIPWAY_IMAGE_CLEANUP)
