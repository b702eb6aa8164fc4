"""The addresses that the log viewer reads: pages of lines as JSON, or everything as a text file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from console.web.page import caller, page
from services import log_queries
from telemetry.queries import Line, LogPage


@page
def of_task(request: HttpRequest, cluster: str, task: str) -> HttpResponseBase:
    container, query = request.GET.get("container", ""), _query(request)
    who: dict[str, Any] = {"cluster": cluster, "task": task, "container": container, "query": query}
    if request.GET.get("download"):
        return _file(f"{task}.log", log_queries.download_task_log(caller(request), **who))
    return _json(log_queries.list_task_log(caller(request), **who, **_place(request)))


@page
def of_service(request: HttpRequest, cluster: str, service: str) -> HttpResponseBase:
    who: dict[str, Any] = {
        "cluster": cluster,
        "service": service,
        "task": request.GET.get("task", ""),
        "container": request.GET.get("container", ""),
        "query": _query(request),
    }
    if request.GET.get("download"):
        return _file(
            f"{service}.log", log_queries.download_service_log(caller(request), **who), names_tasks=True
        )
    return _json(log_queries.list_service_log(caller(request), **who, **_place(request)), names_tasks=True)


def _query(request: HttpRequest) -> str:
    return request.GET.get("q", "")[:200]


def _place(request: HttpRequest) -> dict[str, Any]:
    limit = request.GET.get("limit", "")
    return {
        "before": request.GET.get("before", ""),
        "after": request.GET.get("after", ""),
        "limit": int(limit) if limit.isdigit() and len(limit) < 6 else 500,
    }


def _json(found: LogPage, *, names_tasks: bool = False) -> HttpResponse:
    lines = [
        {
            "c": line.cursor,
            "t": int(line.at.timestamp() * 1000),
            "m": line.message,
            "from": _name(line, names_tasks),
            "err": line.source == "stderr",
        }
        for line in found.lines
    ]
    answer = {"lines": lines, "older": found.older, "open": found.open}
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


def _name(line: Line, names_tasks: bool) -> str:
    return f"{line.task_id[:8]}/{line.container}" if names_tasks else line.container


def _file(name: str, lines: Iterator[Line], *, names_tasks: bool = False) -> StreamingHttpResponse:
    text = (
        f"{line.at.isoformat(timespec='milliseconds')} {_name(line, names_tasks)} {line.message}\n".encode()
        for line in lines
    )
    response = StreamingHttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
