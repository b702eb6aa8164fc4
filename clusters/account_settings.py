"""Settings of the account. What each asks for is how Slipway is made, so each has one value that is so, and any other
is refused by name; what was put is remembered for whom it was put for, as ECS answers it."""

from __future__ import annotations

from dataclasses import dataclass

from access.registry import Caller, operation
from access.trail import audit
from base import here
from base.arn import is_arn
from base.errors import InvalidParameter, invalid, unsupported
from clusters.models import AccountSetting

VALUES = {
    "awsvpcTrunking": "disabled",
    "containerInsights": "disabled",
    "containerInstanceLongArnFormat": "enabled",
    "defaultLogDriverMode": "non-blocking",
    "fargateEventWindows": "disabled",
    "fargateFIPSMode": "disabled",
    "fargateTaskRetirementWaitPeriod": "0",
    "guardDutyActivate": "off",
    "serviceLongArnFormat": "enabled",
    "tagResourceAuthorization": "on",
    "taskLongArnFormat": "enabled",
}
"""Name -> the one value that is so. ARNs are long, tags on creation are authorized, logs never block a container."""

_OF_AWS = frozenset({"guardDutyActivate"})
EVERYONE = ""
"""In place of a principal: the default of all of the account."""


@dataclass(frozen=True, slots=True)
class Setting:
    """`managed`: not for users to change."""

    name: str
    value: str
    principal_arn: str
    managed: bool = False


def _principal(caller: Caller, given: str | None) -> str:
    if not given:
        return caller.role_arn or caller.arn
    if not is_arn(given):
        raise invalid("principalArn", "the ARN of a user, a role, or the account's root")
    return EVERYONE if given == here.names().account_root() else given


def _shown(principal: str) -> str:
    return principal or here.names().account_root()


def _checked(name: str) -> None:
    if name not in VALUES:
        raise invalid("name", f"one of {', '.join(VALUES)}")


def _put(name: str, value: str, principal: str) -> Setting:
    _checked(name)
    if name in _OF_AWS:
        raise InvalidParameter(f"{name} cannot be changed by users.", fields={"name": "cannot be changed"})
    if value != VALUES[name]:
        raise unsupported(f"{name} {value}", f"It is always {VALUES[name]} here.")
    AccountSetting.objects.update_or_create(name=name, principal_arn=principal, defaults={"value": value})
    audit.note_change(name, None, value)
    return Setting(name, value, _shown(principal))


@operation("ecs:PutAccountSetting", resource="*", writes=True)
def put_account_setting(
    caller: Caller, *, name: str, value: str, principal_arn: str | None = None
) -> Setting:
    """Set an account setting for oneself, or for a user, a role, or (the account's root) everyone."""
    return _put(name, value, _principal(caller, principal_arn))


@operation("ecs:PutAccountSettingDefault", resource="*", writes=True)
def put_account_setting_default(caller: Caller, *, name: str, value: str) -> Setting:
    """Set an account setting for everyone who has none of their own."""
    return _put(name, value, EVERYONE)


@operation("ecs:DeleteAccountSetting", resource="*", writes=True)
def delete_account_setting(caller: Caller, *, name: str, principal_arn: str | None = None) -> Setting:
    """Take back what was set for oneself, a user, a role or everyone; answers what holds then."""
    _checked(name)
    principal = _principal(caller, principal_arn)
    removed, _ = AccountSetting.objects.filter(name=name, principal_arn=principal).delete()
    if removed:
        audit.note_change(name, VALUES[name], None)
    return Setting(name, VALUES[name], _shown(principal), name in _OF_AWS)


@operation("ecs:ListAccountSettings", resource="*", writes=False)
def list_account_settings(
    caller: Caller,
    *,
    name: str | None = None,
    value: str | None = None,
    principal_arn: str | None = None,
    effective_settings: bool = False,
) -> list[Setting]:
    """What was set for oneself or a principal; with `effective_settings` every setting as it holds for them."""
    if name is not None:
        _checked(name)
    principal = _principal(caller, principal_arn)
    if effective_settings:
        found = [Setting(one, holds, _shown(principal), one in _OF_AWS) for one, holds in VALUES.items()]
    else:
        rows = AccountSetting.objects.filter(principal_arn=principal).order_by("name")
        found = [Setting(row.name, row.value, _shown(principal)) for row in rows]
    return [one for one in found if name in (None, one.name) and value in (None, one.value)]
