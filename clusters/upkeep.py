"""What is set for one instance, and cleaning it up: asked for here, done by the job `services.clean_instance`."""

from __future__ import annotations

from access.registry import Caller, operation
from access.trail import audit
from base import clock, jobs_by_name, live
from base.errors import invalid
from clusters import instance_settings
from clusters.models import ContainerInstance, InstanceCleaning, instance_topics
from clusters.queries import DEFAULT_CLUSTER, find_cluster, find_instance, instance_arn_of

CLEAN = "services.clean_instance"


@operation("slipway:UpdateContainerInstanceSettings", resource=instance_arn_of, writes=True)
def update_container_instance_settings(
    caller: Caller,
    *,
    container_instance: str,
    cluster: str = DEFAULT_CLUSTER,
    image_pull_behavior: str | None = None,
    image_cleanup: str | None = None,
) -> ContainerInstance:
    """Change what this instance has otherwise than the installation. What is not given stays; "" takes the
    installation's again.

    `image_pull_behavior`: default, always, once or prefer-cached. `image_cleanup`: enabled or disabled.
    """
    instance = find_instance(find_cluster(cluster), container_instance)
    given = (
        ("imagePullBehavior", image_pull_behavior, instance_settings.PULL_BEHAVIORS),
        ("imageCleanup", image_cleanup, instance_settings.IMAGE_CLEANUPS),
    )
    changed = dict(instance.settings)
    for name, value, words in given:
        if value is None:
            continue
        if value not in ("", *words):
            raise invalid(name, f"one of {', '.join(words)}, or empty for the installation's")
        audit.note_change(name, changed.get(name, ""), value)
        changed[name] = value
    instance.settings = {name: value for name, value in changed.items() if value}
    instance.save(update_fields=["settings"])
    live.publish(*instance_topics(instance))
    return instance


@operation("slipway:CleanContainerInstance", resource=instance_arn_of, writes=True)
def clean_container_instance(
    caller: Caller, *, container_instance: str, cluster: str = DEFAULT_CLUSTER, dry_run: bool = False
) -> InstanceCleaning:
    """Clean the instance up now: stopped containers, images, networks and volumes of Slipway's that nothing needs.
    With `dry_run` it is only looked at what that would remove. Either is done a moment later."""
    instance = find_instance(find_cluster(cluster), container_instance)
    row, _ = InstanceCleaning.objects.get_or_create(instance=instance)
    fields = {"wake_at": clock.now()} if dry_run else {"wake_at": clock.now(), "asked_to_clean": True}
    InstanceCleaning.objects.filter(pk=row.pk).update(**fields)
    jobs_by_name.send_on_commit(CLEAN, instance.pk)
    live.publish(*instance_topics(instance))
    row.refresh_from_db()
    return row


@operation("slipway:DescribeContainerInstanceCleaning", resource=instance_arn_of, writes=False)
def describe_container_instance_cleaning(
    caller: Caller, *, container_instance: str, cluster: str = DEFAULT_CLUSTER
) -> InstanceCleaning:
    """What was last found on the instance: what a cleaning removes or removed, and why each of the rest is kept."""
    instance = find_instance(find_cluster(cluster), container_instance)
    found = InstanceCleaning.objects.filter(instance=instance).first()
    return found or InstanceCleaning(instance=instance)
