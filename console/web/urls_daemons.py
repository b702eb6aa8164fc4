"""Addresses of daemons and daemon task definitions."""

from __future__ import annotations

from django.urls import URLPattern, path

from console.web import daemon, daemon_definitions, daemon_new

_DAEMON = "clusters/<str:cluster>/daemons/<str:daemon>"
_REVISION = "daemon-task-definitions/<str:family>/<int:revision>"

urlpatterns: list[URLPattern] = [
    path("clusters/<str:cluster>/create-daemon/", daemon_new.create, name="daemon-new"),
    path(f"{_DAEMON}/", daemon.show, name="daemon"),
    path(f"{_DAEMON}/update/", daemon_new.update, name="daemon-update"),
    path(f"{_DAEMON}/delete/", daemon.delete, name="daemon-delete"),
    path("daemon-task-definitions/", daemon_definitions.revisions, name="daemon-task-definitions"),
    path("register-daemon-task-definition/", daemon_definitions.register, name="daemon-task-definition-new"),
    path(f"{_REVISION}/", daemon_definitions.revision, name="daemon-task-definition"),
    path(f"{_REVISION}/delete/", daemon_definitions.delete, name="daemon-task-definition-delete"),
]
