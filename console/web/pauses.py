"""A deployment that a lifecycle hook holds: what is shown of it, and the answer to the hook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from console.web.page import caller, page
from services import hooks
from services.deployment_operations import continue_service_deployment
from services.models import Deployment


@dataclass(frozen=True, slots=True)
class Waiting:
    """One hook that awaits an action. `values`: what its buttons send beside the action."""

    dialog: str  # of the one that asks before it rolls back
    stage: str
    meaning: str
    since: datetime
    until: datetime
    goes_back: bool  # when it times out
    values: dict[str, str]
    back: dict[str, str]
    cli: str


def waiting(deployment: Deployment) -> Sequence[Waiting]:
    meanings = {
        "RECONCILE_SERVICE": _("Nothing of it has started: the service goes on as it was."),
        "PRE_SCALE_UP": _("Nothing of it has started: the service goes on as it was."),
        "POST_SCALE_UP": _("As many of its tasks as are desired are healthy; the earlier ones are kept."),
    }
    return [
        Waiting(
            f"dlg-reject-{number}",
            one.stage,
            meanings.get(one.stage, ""),
            one.created_at,
            one.expires_at,
            one.timeout_action == "ROLLBACK",
            _values(deployment, one.hook_id, "CONTINUE"),
            _values(deployment, one.hook_id, "ROLLBACK"),
            f"aws ecs continue-service-deployment --service-deployment-arn {deployment.arn} "
            f"--hook-id {one.hook_id} --action CONTINUE",
        )
        for number, one in enumerate(hooks.details(deployment))
        if one.status == "AWAITING_ACTION" and deployment.status == "IN_PROGRESS"
    ]


def _values(deployment: Deployment, hook: str, action: str) -> dict[str, str]:
    return {"deployment": deployment.arn, "hook": hook, "action": action}


@page
@require_POST
def answer(request: HttpRequest, cluster: str, service: str) -> HttpResponse:
    """CONTINUE or ROLLBACK, to the hook that the button named."""
    action = request.POST.get("action", "")
    continue_service_deployment(
        caller(request),
        service_deployment=request.POST.get("deployment", ""),
        hook_id=request.POST.get("hook", ""),
        action=action,
    )
    messages.success(
        request, _("The deployment goes back.") if action == "ROLLBACK" else _("The deployment goes on.")
    )
    return redirect("service", cluster, service)
