"""Deploying the sample application from the overview of an installation where nothing runs yet."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from access.registry import authorize
from base import here, jobs_by_name
from clusters.models import ContainerInstance
from clusters.queries import DEFAULT_CLUSTER
from console.demo.deploy import NAME
from console.web.page import caller, may, page
from console.web.parts import May

JOB = "console.deploy_sample"


def needs() -> tuple[tuple[str, str], ...]:
    """What deploying the sample takes: actions with what they are done to."""
    return (
        ("ecs:RegisterTaskDefinition", here.task_definition_arn(NAME, "*")),
        ("ecs:CreateService", here.service_arn(DEFAULT_CLUSTER, NAME)),
    )


def permitted(request: HttpRequest) -> May:
    """For the button: whether the person may deploy the sample, or the first thing they may not."""
    refused = "" if caller(request).user_id is not None else _("Only a signed-in user can deploy the sample.")
    answers = [may(request, action, arn, reason=refused) for action, arn in needs()]
    return next((answer for answer in answers if not answer.allowed), answers[-1])


@page
@require_POST
def deploy(request: HttpRequest) -> HttpResponse:
    me = caller(request)
    for action, arn in needs():
        authorize(me, action, arn)
    if not ContainerInstance.objects.filter(
        cluster__name=DEFAULT_CLUSTER, status="ACTIVE", connected=True
    ).exists():
        messages.error(request, _("No instance of the cluster default is connected yet."))
        return redirect("overview")
    jobs_by_name.send(JOB, me.user_id, DEFAULT_CLUSTER)
    messages.success(request, _("The sample application is on its way: the service hello with three tasks."))
    return redirect("overview")
