"""The addresses of REST, below /api/. Each may end with a slash or not; the API's description has them without."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from console.rest import reference
from console.rest.resources import (
    access,
    audit,
    clusters,
    daemons,
    identities,
    schedules,
    services,
    signin,
    simulator,
    task_sets,
    tasks,
    vault,
)
from console.rest.views import Nothing, view_of

ENDPOINTS = [
    *clusters.ENDPOINTS,
    *services.ENDPOINTS,
    *daemons.ENDPOINTS,
    *task_sets.ENDPOINTS,
    *tasks.ENDPOINTS,
    *schedules.ENDPOINTS,
    *signin.ENDPOINTS,
    *access.ENDPOINTS,
    *identities.ENDPOINTS,
    *audit.ENDPOINTS,
    *vault.ENDPOINTS,
    *simulator.ENDPOINTS,
]

urlpatterns: list[URLPattern] = [
    path("v1/", reference.Index.as_view(), name="rest-reference"),
    path("v1/schema/", reference.Schema.as_view(), name="rest-schema"),
]
for _endpoint in ENDPOINTS:
    _view = view_of(_endpoint)
    urlpatterns += [path(f"v1/{_endpoint.path}", _view), path(f"v1/{_endpoint.path}/", _view)]
urlpatterns.append(re_path("", Nothing.as_view()))
