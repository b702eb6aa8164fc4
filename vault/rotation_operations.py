"""Writes about the rotation of secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from access.registry import Caller
from access.trail import audit
from base import cipher, jobs_by_name, live
from base.errors import invalid
from base.outgoing import ForbiddenAddress, check_host
from vault import hooks
from vault.lookup import InvalidRequest, live_secret, secret_operation
from vault.models import Secret, secret_topics
from vault.rotation_models import SecretRotation
from vault.versions import VERSION_ID

WORK = "vault.rotate"
MOST_DAYS = 1000
_RULES = {"AutomaticallyAfterDays"}


@secret_operation(
    "secretsmanager:RotateSecret",
    redact=("rotation_hook",),
    writes=True,
)
def rotate_secret(
    caller: Caller,
    *,
    secret_id: str,
    rotation_hook: str | None = None,
    rotation_rules: Mapping[str, Any] | None = None,
    rotate_immediately: bool = True,
    client_request_token: str | None = None,
    rotation_lambda_arn: str | None = None,
) -> SecretRotation:
    """Have a secret rotated by a hook: a URL that is asked to make, set, test and finish a new version. What is not
    given stays as it is. `rotation_rules`: {"AutomaticallyAfterDays": 1 to 1000}. There are no functions here."""
    row = live_secret(secret_id)
    if rotation_lambda_arn is not None:
        raise invalid("rotationLambdaARN", "is not supported: there are no functions here; give rotationHook")
    token = _checked_token(client_request_token)
    days = _checked_days(rotation_rules)
    found = SecretRotation.objects.filter(secret=row).first()
    if found is None:
        if rotation_hook is None:
            raise InvalidRequest(
                "You must give a rotation hook the first time a secret is rotated.",
                fields={"rotationHook": "is required"},
            )
        found = SecretRotation(secret=row)
    if rotation_hook is not None:
        found.hook_host = _checked_hook(rotation_hook)
        found.encrypted_hook = cipher.encrypt(rotation_hook)
    if rotation_rules is not None:
        audit.note_change("automaticallyAfterDays", found.every_days, days)
        found.every_days = days
    found.enabled = True
    if not rotate_immediately and not found.token:
        found.due_at = hooks.next_time(found)
    found.save()
    if rotate_immediately:
        hooks.begin(found, token)
        jobs_by_name.send_on_commit(WORK)
    live.publish(*secret_topics(row))
    return found


@secret_operation(
    "secretsmanager:CancelRotateSecret",
    writes=True,
)
def cancel_rotate_secret(caller: Caller, *, secret_id: str) -> Secret:
    """Rotate a secret no more, and go no further with a rotation under way. What is AWSPENDING stays for you to see."""
    row = live_secret(secret_id)
    changed = SecretRotation.objects.filter(secret=row, enabled=True).update(
        enabled=False, token="", step="", due_at=None, error="", failures=0
    )
    if changed:
        audit.note_change("rotationEnabled", True, False)
        live.publish(*secret_topics(row))
    return row


def _checked_hook(url: object) -> str:
    """What of the URL may be shown: its host."""
    if not isinstance(url, str) or len(url) > 2000:
        raise invalid("rotationHook", "a URL of at most 2000 characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError
        check_host(host)
    except ForbiddenAddress as error:
        raise invalid("rotationHook", str(error)) from None
    except ValueError:
        raise invalid("rotationHook", "an http:// or https:// URL") from None
    return f"{host}:{port}" if port else host


def _checked_days(rules: Mapping[str, Any] | None) -> int | None:
    if rules is None:
        return None
    if not isinstance(rules, Mapping):
        raise invalid("rotationRules", "must be an object")
    for name in rules:
        if name not in _RULES:
            raise invalid(f"rotationRules.{name}", "is not supported; AutomaticallyAfterDays is")
    days = rules.get("AutomaticallyAfterDays")
    if days is not None and (
        isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MOST_DAYS
    ):
        raise invalid("rotationRules.AutomaticallyAfterDays", f"1 to {MOST_DAYS} days")
    return days


def _checked_token(token: str | None) -> str | None:
    if token is not None and (not isinstance(token, str) or not VERSION_ID.fullmatch(token)):
        raise invalid("clientRequestToken", "32 to 64 letters, digits and hyphens")
    return token
