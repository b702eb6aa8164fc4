"""Writes of daemons: one task on each instance of some capacity providers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from access.authorization.creation_tags import tagging_need
from access.registry import Caller, Need, Params, operation
from access.trail import audit
from base import clock, here, ids
from base.errors import InvalidParameter, invalid
from base.tags import checked
from clusters.models import Cluster
from clusters.queries import DEFAULT_CLUSTER, cluster_name, find_cluster
from services import condition_keys, creation_token
from services.client_tokens import digest_of
from services.daemons.configuration import deployment_configuration as checked_deployment
from services.daemons.configuration import frozen
from services.daemons.lookup import daemon_arn_of, find_active_daemon, find_daemon, wanted_revision
from services.daemons.task_definitions import find as find_definition
from services.definitions import special_needs
from services.models import Deployment, Service
from services.rollout import begin_deployment, end_deployment, new_revision, touch
from services.scheduler.model import DeploymentStatus

_NAME = re.compile(r"^[A-Za-z0-9_-]{1,255}$")
_DEFINITION = "daemonTaskDefinitionArn"


def _new_daemon_arn(params: Params) -> str:
    return here.daemon_arn(cluster_name(params["cluster"]), params["daemon_name"])


def _needs_of_definition(caller: Caller, params: Params) -> Iterator[Need]:
    """Whoever may not register host mounts may not run somebody else's revision that has them either."""
    row = find_definition(params["daemon_task_definition"], field=_DEFINITION)
    yield from special_needs(row.document, row.arn)


def _needs_of_creation(caller: Caller, params: Params) -> Iterator[Need]:
    yield from _needs_of_definition(caller, params)
    yield from tagging_need("CreateDaemon", _new_daemon_arn(params), params["tags"])


@operation(
    "ecs:CreateDaemon",
    resource=_new_daemon_arn,
    context=condition_keys.of_daemon,
    extra=_needs_of_creation,
    writes=True,
)
def create_daemon(
    caller: Caller,
    *,
    daemon_name: str,
    daemon_task_definition: str,
    capacity_providers: Sequence[str],
    cluster: str = DEFAULT_CLUSTER,
    deployment_configuration: Mapping[str, Any] | None = None,
    propagate_tags: str = "NONE",
    enable_ecs_managed_tags: bool = False,
    enable_execute_command: bool = False,
    critical: bool = True,
    client_token: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Service:
    """Create a daemon and begin its first deployment: one task on each container instance of these capacity providers,
    also on those that join later. `critical`: an instance without it takes no other tasks. `client_token`: a repeat
    answers the daemon that is there."""
    digest = digest_of({name: value for name, value in locals().items() if name != "caller"})
    if not isinstance(daemon_name, str) or not _NAME.match(daemon_name):
        raise invalid("daemonName", "1 to 255 letters, digits, hyphens and underscores")
    owner = find_cluster(cluster)
    known = creation_token.earlier(owner, client_token, digest, daemon=True)
    if known is not None:
        return find_daemon(known.arn)
    definition = find_definition(daemon_task_definition, active=True, field=_DEFINITION)
    configuration = frozen(
        owner,
        capacity_providers,
        propagate_tags=propagate_tags,
        enable_ecs_managed_tags=enable_ecs_managed_tags,
        enable_execute_command=enable_execute_command,
        critical=critical,
    )
    deployed = checked_deployment(deployment_configuration)
    live = Service.every.filter(cluster=owner, name=daemon_name, daemon=True)
    if live.exclude(status=Service.Status.INACTIVE).exists():
        raise InvalidParameter(
            f"Creation of daemon was not idempotent: {daemon_name} exists already in cluster {owner}.",
            fields={"daemonName": "exists already"},
        )
    row = Service.every.create(
        cluster=owner,
        name=daemon_name,
        arn=here.daemon_arn(owner.name, daemon_name),
        daemon=True,
        scheduling_strategy="DAEMON",
        deployment_configuration=deployed,
        tags=checked(tags),
        created_by=caller.arn,
        client_token=client_token or "",
        request_digest=digest,
    )
    begin_deployment(row, new_revision(row, definition, configuration, caller.arn), caller.arn)
    return find_daemon(row.arn)


@operation(
    "ecs:UpdateDaemon",
    resource=daemon_arn_of,
    context=condition_keys.of_daemon,
    extra=_needs_of_definition,
    writes=True,
)
def update_daemon(
    caller: Caller,
    *,
    daemon: str,
    daemon_task_definition: str,
    capacity_providers: Sequence[str],
    cluster: str = DEFAULT_CLUSTER,
    deployment_configuration: Mapping[str, Any] | None = None,
    propagate_tags: str = "NONE",
    enable_ecs_managed_tags: bool = False,
    enable_execute_command: bool = False,
    critical: bool = True,
) -> Service:
    """Deploy a new revision of a daemon: replace its tasks, so many instances at a time. What is not given is as
    CreateDaemon has it by default, not as it was."""
    row = find_active_daemon(daemon, cluster)
    current = wanted_revision(row)
    definition = find_definition(daemon_task_definition, field=_DEFINITION)
    if current is None or definition.pk != current.task_definition_id:
        # One that was deleted stays with those that run it.
        definition = find_definition(daemon_task_definition, active=True, field=_DEFINITION)
    configuration = frozen(
        row.cluster,
        capacity_providers,
        propagate_tags=propagate_tags,
        enable_ecs_managed_tags=enable_ecs_managed_tags,
        enable_execute_command=enable_execute_command,
        critical=critical,
    )
    deployed = checked_deployment(deployment_configuration)
    if current is not None and current.task_definition_id != definition.pk:
        audit.note_change("daemonTaskDefinition", str(current.task_definition), str(definition))
    audit.note_change("deploymentConfiguration", row.deployment_configuration, deployed)
    row.deployment_configuration = deployed
    row.save(update_fields=["deployment_configuration"])
    begin_deployment(row, new_revision(row, definition, configuration, caller.arn), caller.arn)
    return find_daemon(row.arn)


@operation("ecs:DeleteDaemon", resource=daemon_arn_of, writes=True)
def delete_daemon(caller: Caller, *, daemon: str, cluster: str = DEFAULT_CLUSTER) -> Service:
    """Stop all tasks of a daemon; once they are gone, so is the daemon. The instances stay, and take other tasks."""
    row = find_active_daemon(daemon, cluster)
    last = row.revisions.order_by("-number").first()
    assert last is not None  # a daemon is created with its first revision
    if row.deployment is not None:
        end_deployment(row.deployment, DeploymentStatus.STOPPED, "The daemon was deleted.")
    row.status, row.deployment, row.steady_since = Service.Status.DRAINING, None, None
    row.newest_deployment += 1
    row.save(update_fields=["status", "deployment", "steady_since", "newest_deployment"])
    deployment_id = ids.deployment_id()
    # AWS tells of the end as of a deployment; the plan that finds the last task gone ends it.
    Deployment.objects.create(
        id=deployment_id,
        service=row,
        number=row.newest_deployment,
        arn=here.daemon_deployment_arn(row.cluster.name, row.name, deployment_id),
        status=DeploymentStatus.IN_PROGRESS,
        status_reason="The daemon is being deleted.",
        target=row.completed_revision or last,
        source=row.completed_revision,
        configuration=row.deployment_configuration,
        created_by=caller.arn,
        started_at=clock.now(),
    )
    touch(row)
    return find_daemon(row.arn)


def of_cluster(cluster: Cluster) -> str:
    """A guard of DeleteCluster: what of the cluster is left, in words."""
    rows = Service.every.filter(cluster=cluster, daemon=True).exclude(status=Service.Status.INACTIVE)
    names = ", ".join(rows.order_by("name").values_list("name", flat=True)[:5])
    return f"daemons: {names}" if names else ""
