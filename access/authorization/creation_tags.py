"""The permission that tags given on creation need, beside that of creating."""

from __future__ import annotations

from collections.abc import Iterator

from access.authorization.request_tags import request_tags
from access.registry import Need


def tagging_need(action: str, resource: str, tags: object) -> Iterator[Need]:
    """Tags given on creation need ecs:TagResource as well, with ecs:CreateAction naming what creates ("RunTask").

    Else whoever may create could give what he creates the tags by which others decide.
    """
    keys = request_tags({"tags": tags})
    if keys:
        yield Need("ecs:TagResource", resource, {**keys, "ecs:CreateAction": action})
