"""Every component with sample data, on one page, when DEBUG is on. The browser tests run axe on it."""

from __future__ import annotations

import math
from datetime import timedelta

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from base.errors import AccessDenied
from console.web import errors
from console.web.parts import (
    Block,
    Cell,
    Change,
    ChartData,
    Choice,
    Crumb,
    Hit,
    Host,
    Lane,
    LogSource,
    Marker,
    May,
    Series,
    Stage,
    Tab,
)

LOG_LINES = 100_000
_WORDS = (
    "GET /healthz 200 0.8ms",
    "POST /cart 201 12.4ms",
    "GET /products/42 200 3.1ms",
    "cache miss for product:42",
    "connected to redis",
)


class SampleForm(forms.Form):
    name = forms.CharField(label="Service name", help_text="Letters, digits, hyphens and underscores.")
    launch = forms.ChoiceField(label="Launch type", choices=[("EC2", "EC2"), ("FARGATE", "FARGATE")])
    command = forms.CharField(label="Command", widget=forms.Textarea(attrs={"rows": 3}), required=False)
    force = forms.BooleanField(label="Force a new deployment", required=False)


def show(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    arn = "arn:aws:ecs:eu-west-3:123456789012:service/production/web"
    new = [Cell("healthy", f"Task 3f9a1c{i}: healthy", url="#") for i in range(4)]
    new += [
        Cell("starting", "Task b07d44: 2 of 3 health checks passed", "2/3", "#"),
        Cell("starting", "Task 91e2aa: 1 of 3 health checks passed", "1/3", "#"),
    ]
    old = [Cell("healthy", f"Task c5581{i}: serving", url="#") for i in range(6)]
    form = SampleForm(data={"name": "", "launch": "EC2", "command": "web --port 80"})
    wave = [30 + 18 * math.sin(i / 3) + (i * 7 % 5) for i in range(30)]
    if "message" in request.GET:
        messages.success(request, "Deployment 27 started.")
        messages.error(request, "Task 3f9a1c could not be stopped: the engine host-b does not answer.")
    context = {
        "crumbs": [Crumb("Clusters", "#"), Crumb("production", "#"), Crumb("Services", "#"), Crumb("web")],
        "arn": arn,
        "now": now,
        "minutes": now - timedelta(seconds=108),
        "yesterday": now - timedelta(hours=29),
        "long_ago": now - timedelta(days=400),
        "live_rows": [now.second % 5 + n for n in range(3)],
        "statuses": [
            "RUNNING",
            "HEALTHY",
            "PENDING",
            "DRAINING",
            "IN_PROGRESS",
            "ROLLBACK_IN_PROGRESS",
            "UNHEALTHY",
            "ROLLBACK_SUCCESSFUL",
            "STOPPED",
            "INACTIVE",
            "SERVING",
        ],
        "stages": [
            Stage("Placed", "done", "6 of 6 · 0.3 s"),
            Stage("Pulled", "done", "web:4f1c9e2 · 3.1 s"),
            Stage("Running", "done", "6 of 6 · 2.4 s"),
            Stage("Healthy", "now", "4 of 6 · next check in 7 s"),
            Stage("Drain and stop old", "todo", "6 tasks"),
        ],
        "failed_stages": [
            Stage("Placed", "done", "6 of 6"),
            Stage("Pulled", "done", "3.1 s"),
            Stage("Running", "failed", "3 of 6 exited with code 1"),
            Stage("Healthy", "todo"),
            Stage("Drain and stop old", "todo"),
        ],
        "lanes": [
            Lane("Revision 13", "new", "4 healthy, 2 starting", "new", new),
            Lane("Revision 12", "last completed", "6 serving", "old", old),
            Lane(
                "Revision 11",
                "48 tasks",
                "44 healthy, 3 starting, 1 failed",
                "new",
                [Cell("healthy", "healthy", url="#")] * 44
                + [Cell("starting", "starting", url="#")] * 3
                + [Cell("failed", "failed: exited with code 1", url="#")],
            ),
            Lane(
                "Revision 10",
                "1,000 tasks",
                "870 healthy, 120 starting, 10 failed",
                "new",
                [Cell("healthy", "")] * 870 + [Cell("starting", "")] * 120 + [Cell("failed", "")] * 10,
            ),
        ],
        "changes": [
            Change("Image", "web:4f1c9e2", "web:9a3d0b1", "Container web"),
            Change("CPU units", "512", "256", "Container web"),
            Change("env FEATURE_CART", "on", None, "Container web"),
            Change("Memory", "512 MiB", "512 MiB", "Task"),
            Change(
                "Security groups",
                "sg-0a1b2c3d4e5f60718",
                "sg-0a1b2c3d4e5f60718, sg-99aa88bb77cc66dd5",
                "Network",
            ),
        ],
        "tabs": [
            Tab("deployments", "Deployments", "?tab=deployments"),
            Tab("tasks", "Tasks", "?tab=tasks", 12),
            Tab("events", "Events", "?tab=events"),
            Tab("logs", "Logs", "?tab=logs"),
            Tab("metrics", "Metrics", "?tab=metrics"),
            Tab("configuration", "Configuration", "?tab=configuration"),
        ],
        "wave": wave,
        "gap": [*wave[:8], None, None, *wave[10:]],
        "hosts": hosts(),
        "log_source": LogSource(
            reverse("styleguide-log"),
            tasks=[("3f9a1c", "3f9a1c"), ("b07d44", "b07d44")],
            containers=[("web", "web"), ("proxy", "proxy")],
            name="sample",
        ),
        "form": form,
        "refused": May(False, "ecs:UpdateService", arn),
        "nothing": May(False, reason="No deployment is in progress."),
        "choices": [Choice("", "All", 41), Choice("ACTIVE", "Active", 39), Choice("DRAINING", "Draining", 2)],
        "page": Paginator(range(127), 50).get_page(request.GET.get("page", 1)),
        "rows": [
            ("web", "RUNNING", 6, 6, wave),
            ("worker", "DEPLOYING", 2, 4, wave[::-1]),
            ("mailer", "FAILING", 0, 1, []),
        ],
        "cli": "aws ecs stop-service-deployment --stop-type ROLLBACK --service-deployment-arn "
        "arn:aws:ecs:eu-west-3:123456789012:service-deployment/production/web/Zk2",
    }
    return render(request, "web/styleguide.html", context)


def hosts() -> list[Host]:
    blocks = [
        Block(f"web 3f9a1c{i}: 256 units, 512 MiB", "#", 256, 512, i % 3, 120.0, 300.0) for i in range(5)
    ]
    return [
        Host(
            "host-a", "#", "ACTIVE", "ok", 2048, 1280, 7800, 2560, blocks=blocks, note="Docker 27.3 · 5 tasks"
        ),
        Host(
            "host-b",
            "#",
            "DRAINING",
            "wait",
            4096,
            768,
            15900,
            1536,
            blocks=blocks[:3],
            note="Docker 27.3 · 3 tasks",
        ),
        Host(
            "host-c",
            "#",
            "UNREACHABLE",
            "bad",
            2048,
            0,
            7800,
            0,
            note="connection refused at tcp://10.0.0.7:2376 since 4 min",
        ),
    ]


def chart(request: HttpRequest) -> JsonResponse:
    end = int(timezone.now().timestamp()) // 15 * 15
    x = list(range(end - 3600, end, 15))
    values = [45 + 25 * math.sin(i / 14) + (i * 13 % 7) for i in range(len(x))]
    other = [30 + 10 * math.cos(i / 9) for i in range(len(x))]
    data = ChartData(
        x,
        [Series("average", values), Series("least busy", other, "old")]
        if "two" in request.GET
        else [Series("average", values)],
        "%",
        [Marker(end - 1500, "Deployment 27")],
        [("limit", 90)] if "two" in request.GET else [],
        100,
    )
    return JsonResponse(data.as_json())


def log(request: HttpRequest) -> JsonResponse:
    """A made-up log of 100,000 lines, paged as real ones are."""
    query, limit = request.GET.get("q", "").lower(), int(request.GET.get("limit", 500))
    after, before = int(request.GET.get("after", -1)), int(request.GET.get("before", LOG_LINES))
    numbers = range(after + 1, LOG_LINES) if after >= 0 else range(before - 1, -1, -1)
    found: list[int] = []
    for number in numbers:
        if len(found) == limit:
            break
        if query in _line(number).lower():
            found.append(number)
    found.sort()
    start = timezone.now().timestamp() * 1000 - LOG_LINES * 90
    lines = [
        {
            "c": str(n),
            "t": int(start + n * 90),
            "m": _line(n),
            "from": "web" if n % 3 else "proxy",
            "err": n % 97 == 0,
        }
        for n in found
    ]
    return JsonResponse({"lines": lines, "older": bool(found) and found[0] > 0})


def _line(number: int) -> str:
    return (
        f"Traceback: KeyError: 'REDIS_URL' ({number})"
        if number % 97 == 0
        else f"{number} {_WORDS[number % len(_WORDS)]}"
    )


def search(request: HttpRequest) -> JsonResponse:
    everything = [
        Hit("Services", "web", "#web", "stack-2", "production"),
        Hit("Services", "worker", "#worker", "stack-2", "production"),
        Hit("Task definitions", "web:13", "#web13", "versions", "ACTIVE"),
    ]
    return JsonResponse(
        {"results": [hit.as_json() for hit in everything if request.GET.get("q", "").lower() in hit.label]}
    )


def refusal(request: HttpRequest) -> HttpResponse:
    resource = "arn:aws:ecs:eu-west-3:123456789012:service/production/web"
    message = (
        "User: arn:aws:iam::123456789012:user/jonas is not authorized to perform: ecs:UpdateService "
        f"on resource: {resource} because no policy of theirs allows the ecs:UpdateService action."
    )
    return errors.refusal(request, AccessDenied(message, action="ecs:UpdateService", resource=resource))


def failure(request: HttpRequest) -> HttpResponse:
    return errors.server_error(request)
