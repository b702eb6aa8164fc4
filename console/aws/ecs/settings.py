"""Account settings."""

from __future__ import annotations

from access.caller import Caller
from access.registry import call
from base.errors import invalid
from clusters.account_settings import Setting
from console.aws.ecs.common import Document
from console.aws.handlers import answers, mechanical


def _shape(found: Setting) -> Document:
    return {
        "name": found.name,
        "value": found.value,
        "principalArn": found.principal_arn,
        "type": "aws_managed" if found.managed else "user",
    }


def _one(found: Setting) -> Document:
    return {"setting": _shape(found)}


mechanical("ecs", "PutAccountSetting", _one)
mechanical("ecs", "PutAccountSettingDefault", _one)
mechanical("ecs", "DeleteAccountSetting", _one)


@answers("ecs", "ListAccountSettings", "list_account_settings")
def list_account_settings(
    caller: Caller,
    *,
    name: str | None = None,
    value: str | None = None,
    principalArn: str | None = None,
    effectiveSettings: bool = False,
    maxResults: int = 100,
    nextToken: str = "",
) -> Document:
    """There are so few that they make one page, so no token was ever given."""
    if nextToken:
        raise invalid("nextToken", "is not one that this operation gave for these parameters")
    if not 1 <= maxResults <= 100:
        raise invalid("maxResults", "from 1 to 100")
    found = call(
        "list_account_settings",
        caller,
        name=name,
        value=value,
        principal_arn=principalArn,
        effective_settings=effectiveSettings,
    )
    return {"settings": [_shape(one) for one in found]}
