"""Every service's operations, registered by being imported. Adding a service is adding its module here, and its name to
`models.SERVED`."""

from __future__ import annotations

from console.aws import sts, vault  # noqa: F401
from console.aws.ecs import (  # noqa: F401
    agents,
    attributes,
    capacity,
    clusters,
    daemon_definitions,
    daemons,
    definitions,
    deployments,
    execute,
    instances,
    protection,
    services,
    settings,
    tags,
    task_sets,
    tasks,
)
from console.aws.iam import identities, policies  # noqa: F401
