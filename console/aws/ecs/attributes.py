"""Attributes of container instances."""

from __future__ import annotations

from typing import Any

from access.caller import Caller
from access.registry import call
from base.errors import invalid
from clusters.queries import DEFAULT_CLUSTER
from console.aws.ecs.common import Document
from console.aws.handlers import answers, mechanical
from console.aws.paging import page_of_list

mechanical("ecs", "PutAttributes", lambda found: {"attributes": found})
mechanical("ecs", "DeleteAttributes", lambda found: {"attributes": found})


@answers("ecs", "ListAttributes", "list_attributes")
def list_attributes(
    caller: Caller,
    *,
    targetType: str,
    cluster: str = DEFAULT_CLUSTER,
    attributeName: str | None = None,
    attributeValue: str | None = None,
    maxResults: int = 100,
    nextToken: str = "",
) -> Document:
    if not 1 <= maxResults <= 100:
        raise invalid("maxResults", "from 1 to 100")
    found: list[Any] = call(
        "list_attributes",
        caller,
        target_type=targetType,
        cluster=cluster,
        attribute_name=attributeName,
        attribute_value=attributeValue,
    )
    shown, following = page_of_list(
        found,
        "ListAttributes",
        key=lambda one: [one["targetId"], one["name"]],
        most=maxResults,
        token=nextToken,
        bound={"cluster": cluster, "name": attributeName, "value": attributeValue},
    )
    return {"attributes": shown, "nextToken": following}
