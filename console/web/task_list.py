"""/tasks/: every task of every cluster the reader may see; without a filter, those that are not stopped."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from console.web import task_rows
from console.web.page import caller, page
from services.queries import list_tasks


@page
def tasks(request: HttpRequest) -> HttpResponseBase:
    return render(
        request, "web/tasks.html", task_rows.listed(request, list_tasks(caller(request), desired_status=None))
    )
