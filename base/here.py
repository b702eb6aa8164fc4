"""The ARNs of this installation: base.arn with the account and region of the settings."""

from __future__ import annotations

from django.conf import settings

from base.arn import PARTITION, Names


def names() -> Names:
    """The builders of every ARN of this installation."""
    return Names(account=settings.SLIPWAY_ACCOUNT_ID, region=settings.SLIPWAY_REGION, partition=PARTITION)


def cluster_arn(name: str) -> str:
    return names().cluster(name)


def service_arn(cluster: str, name: str) -> str:
    return names().service(cluster, name)


def task_arn(cluster: str, task_id: str) -> str:
    return names().task(cluster, task_id)


def container_arn(cluster: str, task_id: str, container_id: str) -> str:
    return names().container(cluster, task_id, container_id)


def container_instance_arn(cluster: str, instance_id: str) -> str:
    return names().container_instance(cluster, instance_id)


def task_definition_arn(family: str, revision: int | str) -> str:
    return names().task_definition(family, revision)


def daemon_task_definition_arn(family: str, revision: int | str) -> str:
    return names().daemon_task_definition(family, revision)


def daemon_arn(cluster: str, name: str) -> str:
    return names().daemon(cluster, name)


def daemon_deployment_arn(cluster: str, daemon: str, deployment_id: str) -> str:
    return names().daemon_deployment(cluster, daemon, deployment_id)


def daemon_revision_arn(cluster: str, daemon: str, revision_id: str) -> str:
    return names().daemon_revision(cluster, daemon, revision_id)


def service_deployment_arn(cluster: str, service: str, deployment_id: str) -> str:
    return names().service_deployment(cluster, service, deployment_id)


def service_revision_arn(cluster: str, service: str, revision_id: str) -> str:
    return names().service_revision(cluster, service, revision_id)


def task_set_arn(cluster: str, service: str, task_set_id: str) -> str:
    return names().task_set(cluster, service, task_set_id)


def capacity_provider_arn(name: str) -> str:
    return names().capacity_provider(name)


def user_arn(name: str) -> str:
    return names().user(name)


def group_arn(name: str) -> str:
    return names().group(name)


def policy_arn(name: str, *, ready_made: bool = False) -> str:
    return names().policy(name, ready_made=ready_made)


def role_arn(name: str) -> str:
    return names().role(name)


def assumed_role_arn(role: str, session: str) -> str:
    return names().assumed_role(role, session)
