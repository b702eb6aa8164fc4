"""Protecting a task from scale-in and deployments, on its page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from console.web.page import caller, page
from services.protection import update_task_protection


@page
@require_POST
def protect(request: HttpRequest, cluster: str, task: str) -> HttpResponse:
    """`protect` yes: for `minutes` from now on (two hours where it is empty); anything else ends it."""
    on = request.POST.get("protect") == "yes"
    given = request.POST.get("minutes", "").strip()
    minutes = int(given) if given.isascii() and given.isdigit() else given or None
    result = update_task_protection(
        caller(request),
        cluster=cluster,
        tasks=[task],
        protection_enabled=on,
        expires_in_minutes=minutes if on else None,  # type: ignore[arg-type]  # the operation says what is wrong
    )
    for failure in result.failures:
        messages.error(request, failure.detail)
    if result.protected_tasks:
        said = _("Task %(id)s is protected.") if on else _("Task %(id)s is not protected any more.")
        messages.success(request, said % {"id": task[:8]})
    return redirect("task", cluster, task)
