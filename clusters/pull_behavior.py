"""When an image is pulled that an instance has already: the ECS agent's ECS_IMAGE_PULL_BEHAVIOR, of an instance or,
where it has none of its own, of the installation.

Only names that may move (tags) raise the question. A digest or an id names its content: what is there is what a pull
would bring, and only `always` asks the registry all the same.
"""

from __future__ import annotations

from django.conf import settings

from clusters.models import ContainerInstance

DEFAULT = "default"  # pulled; where that fails, what is there is run
ALWAYS = "always"  # pulled for every task; where that fails, the task fails
ONCE = "once"  # pulled unless an earlier pull of ours brought it to this instance
PREFER_CACHED = "prefer-cached"  # pulled only where it is missing, and never cleaned up
ALL = (DEFAULT, ALWAYS, ONCE, PREFER_CACHED)
SETTING = "imagePullBehavior"


def of(instance: ContainerInstance) -> str:
    """The behaviour in force on this instance."""
    own = str(instance.settings.get(SETTING) or "")
    return own or str(settings.SLIPWAY_IMAGE_PULL_BEHAVIOR)
