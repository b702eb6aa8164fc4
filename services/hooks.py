"""Lifecycle hooks of deployments: what may be configured, and the record of those that a deployment reached.

A hook that was reached stands in `Deployment.lifecycle_hooks` as `{"hookId", "stage", "status", "createdAt",
"expiresAt", "timeoutAction", "resolvedAt", "resolvedBy"}`: times in ISO 8601, the last two "" while it is
AWAITING_ACTION, `resolvedBy` the ARN of who answered, "" where nobody did.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from base import clock
from base.errors import invalid, unsupported
from services.models import Deployment
from services.scheduler.model import Hook, HookStatus, Pause, Stage
from services.scheduler.stages import HOOKED

Document = dict[str, Any]

WHERE = "deploymentConfiguration.lifecycleHooks"
PAUSE = "PAUSE"
ACTIONS = ("CONTINUE", "ROLLBACK")
MOST = 20  # hooks of a service
DEFAULT_MINUTES, LONGEST_MINUTES = 1440, 20_160  # of a time-out, as ECS
_KEYS = ("targetType", "lifecycleStages", "timeoutConfiguration")
_OF_LAMBDA = ("hookTargetArn", "roleArn", "hookDetails")
# ECS's stages that belong to shifting traffic.
_TRAFFIC = (
    *("TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT"),
    *("PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"),
)


# ---- configured --------------------------------------------------------------------------------


def checked(given: Any) -> list[Document]:
    """`lifecycleHooks` in AWS form, complete. Only what pauses a rolling deployment is possible; the rest is refused
    by name."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise invalid(WHERE, "must be a list")
    if len(given) > MOST:
        raise invalid(WHERE, f"at most {MOST}")
    return [_checked(item, f"{WHERE}[{position}]") for position, item in enumerate(given)]


def _checked(item: Any, where: str) -> Document:
    if not isinstance(item, Mapping):
        raise invalid(where, "must be an object")
    kind = item.get("targetType", "AWS_LAMBDA")  # ECS's default
    if kind == "AWS_LAMBDA":
        raise unsupported(f"{where}.targetType AWS_LAMBDA", "Use PAUSE.")
    if kind != PAUSE:
        raise invalid(f"{where}.targetType", PAUSE)
    for key in item:
        if key in _OF_LAMBDA:
            raise invalid(f"{where}.{key}", "not for PAUSE hooks")
        if key not in _KEYS:
            raise unsupported(f"{where}.{key}")
    return {
        "targetType": PAUSE,
        "lifecycleStages": _stages(item.get("lifecycleStages"), f"{where}.lifecycleStages"),
        "timeoutConfiguration": _timeout(item.get("timeoutConfiguration"), f"{where}.timeoutConfiguration"),
    }


def _stages(given: Any, where: str) -> list[str]:
    names = ", ".join(HOOKED)
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise invalid(where, f"one or more of {names}")
    for stage in given:
        if stage in _TRAFFIC:
            raise unsupported(f"{where} {stage}", f"A rolling deployment passes {names}.")
        if stage not in HOOKED:
            raise invalid(where, f"one or more of {names}")
    return [str(stage) for stage in Stage if stage in given]


def _timeout(given: Any, where: str) -> Document:
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise invalid(where, "must be an object")
    for key in given:
        if key not in ("timeoutInMinutes", "action"):
            raise unsupported(f"{where}.{key}")
    minutes = given.get("timeoutInMinutes", DEFAULT_MINUTES)
    if isinstance(minutes, bool) or not isinstance(minutes, int) or not 1 <= minutes <= LONGEST_MINUTES:
        raise invalid(f"{where}.timeoutInMinutes", f"a whole number from 1 to {LONGEST_MINUTES}")
    action = given.get("action", "ROLLBACK")
    if action not in ACTIONS:
        raise invalid(f"{where}.action", " or ".join(ACTIONS))
    return {"timeoutInMinutes": minutes, "action": action}


def of_running(row: Deployment, wanted: Mapping[str, Any]) -> Document:
    """The deployment configuration that a deployment in progress runs under where the service's becomes `wanted`: its
    lifecycle hooks stay, for it may be beyond them."""
    own = row.configuration.get("lifecycleHooks")
    others = {key: value for key, value in wanted.items() if key != "lifecycleHooks"}
    return {**others, "lifecycleHooks": own} if own else others


# ---- for the scheduler -------------------------------------------------------------------------


def hooks_of(row: Deployment) -> tuple[Hook, ...]:
    """Those that the deployment is to pass. Going back by request to what completed once is not held up: it was let
    pass before, and ECS runs none of these on a rollback either."""
    if row.is_rollback and row.target.completed_at is not None:
        return ()
    return tuple(
        Hook(
            Stage(stage),
            60.0 * item["timeoutConfiguration"]["timeoutInMinutes"],
            item["timeoutConfiguration"]["action"],
        )
        for item in row.configuration.get("lifecycleHooks") or []
        for stage in item["lifecycleStages"]
    )


def pauses_of(row: Deployment) -> tuple[Pause, ...]:
    return tuple(
        Pause(
            item["hookId"],
            Stage(item["stage"]),
            HookStatus(item["status"]),
            datetime.fromisoformat(item["expiresAt"]),
            item["timeoutAction"],
        )
        for item in row.lifecycle_hooks
    )


def is_held_early(row: Deployment) -> bool:
    """Whether a hook keeps it from starting anything."""
    return row.lifecycle_stage in (Stage.RECONCILE_SERVICE, Stage.PRE_SCALE_UP) and bool(awaiting(row))


# ---- the record --------------------------------------------------------------------------------


def opened(hooks: Iterable[Hook]) -> list[Document]:
    """The records of hooks that were reached just now."""
    now = clock.now()
    return [
        {
            "hookId": f"ecs-pause-{secrets.token_urlsafe(32)}",
            "stage": str(hook.stage),
            "status": str(HookStatus.AWAITING_ACTION),
            "createdAt": now.isoformat(),
            "expiresAt": (now + timedelta(seconds=hook.timeout)).isoformat(),
            "timeoutAction": hook.action,
            "resolvedAt": "",
            "resolvedBy": "",
        }
        for hook in hooks
    ]


def resolved(
    records: Iterable[Document], status: HookStatus, *, hook: str | None = None, by: str = ""
) -> list[Document]:
    """The records with the one of this id (None: each) resolved, where it awaits an action."""
    outcome = {"status": str(status), "resolvedAt": clock.now().isoformat(), "resolvedBy": by}
    return [
        {**one, **outcome}
        if one["status"] == HookStatus.AWAITING_ACTION and hook in (None, one["hookId"])
        else one
        for one in records
    ]


def is_awaiting(record: Document) -> bool:
    return bool(record["status"] == HookStatus.AWAITING_ACTION)


def awaiting(row: Deployment) -> list[Document]:
    """The records that hold it."""
    return [one for one in row.lifecycle_hooks if is_awaiting(one)] if row.status == "IN_PROGRESS" else []


# ---- as AWS shows it ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Detail:
    """One record as the APIs show it. `stage` and what follows ECS does not tell."""

    hook_id: str
    status: str
    expires_at: datetime
    timeout_action: str
    stage: str
    created_at: datetime
    resolved_at: datetime | None
    resolved_by: str
    target_type: str = PAUSE


def details(row: Deployment) -> list[Detail]:
    return [
        Detail(
            one["hookId"],
            one["status"],
            datetime.fromisoformat(one["expiresAt"]),
            one["timeoutAction"],
            one["stage"],
            datetime.fromisoformat(one["createdAt"]),
            datetime.fromisoformat(one["resolvedAt"]) if one["resolvedAt"] else None,
            one["resolvedBy"],
        )
        for one in row.lifecycle_hooks
    ]
