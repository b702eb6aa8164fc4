"""The tags of what a request is about, for conditions on aws:ResourceTag. Each room registers how its own are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Finder = Callable[[str], Mapping[str, str] | None]
"""The tags of the resource with that ARN; None when there is no such resource."""

_finders: dict[tuple[str, str], Finder] = {}


def register(service: str, kind: str, finder: Finder) -> None:
    """From a room's ready(): `register("ecs", "service", tags_of_service)`."""
    _finders[service, kind] = finder


def tags_of(arn: str, owners: Sequence[str] = ()) -> Mapping[str, str]:
    """The tags to judge a resource by; none when it does not exist.

    A resource of a kind that has no tags of its own (a deployment, the log of a task) is judged by the first of its
    owners that does.
    """
    for candidate in (arn, *owners):
        finder = _finders.get(_kind_of(candidate))
        if finder is not None:
            return finder(candidate) or {}
    return {}


def _kind_of(arn: str) -> tuple[str, str]:
    """("ecs", "service") of "arn:aws:ecs:us-east-1:123456789012:service/default/web"."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return "", ""
    return parts[2], parts[5].partition("/")[0].partition(":")[0]
