"""The tags of IAM's own resources, for conditions on aws:ResourceTag and iam:ResourceTag."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Model

from access.authorization import resource_tags
from access.models import Policy, Role, User


def _tags(model: type[Model], field: str, arn: str) -> Mapping[str, str] | None:
    rows = model._default_manager.filter(**{field: arn.rpartition("/")[2]})
    found: dict[str, str] | None = rows.values_list("tags", flat=True).first()
    return found


resource_tags.register("iam", "user", lambda arn: _tags(User, "username", arn))
resource_tags.register("iam", "role", lambda arn: _tags(Role, "name", arn))
resource_tags.register("iam", "policy", lambda arn: _tags(Policy, "name", arn))
