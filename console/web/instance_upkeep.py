"""What is set for one instance, and cleaning it up: two cards of its page, and what changes them."""

from __future__ import annotations

from typing import Any

from django.conf import settings as installation
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from clusters import instance_settings
from clusters.models import ContainerInstance
from clusters.upkeep import (
    clean_container_instance,
    describe_container_instance_cleaning,
    update_container_instance_settings,
)
from console.web import links
from console.web.page import attempt, caller, may, page
from services.control.cleaning import is_pressed

_BEHAVIORS: dict[str, str | Promise] = {
    instance_settings.DEFAULT: gettext_lazy("pull; where that fails, run what is there"),
    instance_settings.ALWAYS: gettext_lazy("pull for every task; where that fails, the task fails"),
    instance_settings.ONCE: gettext_lazy("pull unless it was pulled here before"),
    instance_settings.PREFER_CACHED: gettext_lazy("pull only what is missing, and never clean images up"),
}
_CLEANUPS: dict[str, str | Promise] = {
    instance_settings.ENABLED: gettext_lazy("remove images that nothing needs"),
    instance_settings.DISABLED: gettext_lazy("keep every image"),
}
_VERDICTS: dict[str, tuple[str | Promise, str]] = {
    "remove": (gettext_lazy("goes"), "wait"),
    "removed": (gettext_lazy("removed"), "ok"),
    "failed": (gettext_lazy("not removed"), "bad"),
    "keep": (gettext_lazy("stays"), ""),
}
_KINDS: dict[str, str | Promise] = {
    "container": gettext_lazy("container"),
    "image": gettext_lazy("image"),
    "network": gettext_lazy("network"),
    "volume": gettext_lazy("volume"),
}
_MOST_SHOWN = 100


def cards(request: HttpRequest, instance: ContainerInstance) -> dict[str, Any]:
    """What the two cards show. One query."""
    describe = may(request, "slipway:DescribeContainerInstanceCleaning", instance.arn)
    found = None
    if describe.allowed:
        found = describe_container_instance_cleaning(
            caller(request), cluster=instance.cluster.name, container_instance=instance.pk
        )
    items = found.items if found is not None else []
    return {
        "cleaning": found,
        "cleaning_hidden": describe,
        "cleaning_rows": [
            (_KINDS.get(item["kind"], item["kind"]), *_VERDICTS[item["verdict"]], item)
            for item in items[:_MOST_SHOWN]
        ],
        "cleaning_more": max(0, len(items) - _MOST_SHOWN),
        "going": sum(1 for item in items if item["verdict"] == "remove"),
        "going_bytes": sum(item["size"] or 0 for item in items if item["verdict"] == "remove"),
        "removed": sum(1 for item in items if item["verdict"] == "removed"),
        "disk_is_full": is_pressed(instance),
        "cleaning_busy": found is not None and (found.asked_to_clean or found.lease_until is not None),
        "may_clean": may(request, "slipway:CleanContainerInstance", instance.arn),
        "may_set": may(request, "slipway:UpdateContainerInstanceSettings", instance.arn),
        "pull_behavior": instance_settings.pull_behavior(instance),
        "pull_words": _BEHAVIORS.get(instance_settings.pull_behavior(instance), ""),
        "image_cleanup": instance_settings.image_cleanup(instance),
        "cleanup_words": _CLEANUPS.get(instance_settings.image_cleanup(instance), ""),
        "pull_choices": _choices(
            instance, instance_settings.PULL_BEHAVIOR, _BEHAVIORS, installation.SLIPWAY_IMAGE_PULL_BEHAVIOR
        ),
        "cleanup_choices": _choices(
            instance, instance_settings.IMAGE_CLEANUP, _CLEANUPS, installation.SLIPWAY_IMAGE_CLEANUP
        ),
    }


def _choices(
    instance: ContainerInstance, name: str, words: dict[str, str | Promise], default: str
) -> list[tuple[str, str, bool]]:
    """(value, label, chosen) of a select, the installation's own first."""
    own = instance.settings.get(name, "")
    first = ("", _("as the installation: %(word)s") % {"word": default}, not own)
    return [first, *((word, f"{word}: {label}", word == own) for word, label in words.items())]


@require_POST
@page
def settings(request: HttpRequest, cluster: str, instance: str) -> HttpResponseBase:
    back = links.instance(cluster, instance)
    return attempt(
        request,
        lambda: update_container_instance_settings(
            caller(request),
            cluster=cluster,
            container_instance=instance,
            image_pull_behavior=request.POST.get("image_pull_behavior"),
            image_cleanup=request.POST.get("image_cleanup"),
        ),
        _("The settings of the instance were changed."),
        done=back,
        failed=back,
    )


@require_POST
@page
def clean(request: HttpRequest, cluster: str, instance: str) -> HttpResponseBase:
    looks = request.POST.get("dry_run") == "on"
    back = links.instance(cluster, instance)
    return attempt(
        request,
        lambda: clean_container_instance(
            caller(request), cluster=cluster, container_instance=instance, dry_run=looks
        ),
        _("The instance is being looked at.") if looks else _("The instance is being cleaned up."),
        done=back,
        failed=back,
    )
