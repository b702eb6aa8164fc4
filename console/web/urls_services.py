"""The addresses of services, tasks and task definitions; the rest is in urls.py, which includes these."""

from __future__ import annotations

from django.urls import URLPattern, path

from console.web import (
    definitions,
    deploy,
    logs,
    pauses,
    register,
    rollback,
    service,
    service_actions,
    service_new,
    task,
    task_new,
    task_protection,
    task_sets,
)

_SERVICE = "clusters/<str:cluster>/services/<str:service>"
_SET = f"{_SERVICE}/task-sets/<str:task_set>"
_TASK = "clusters/<str:cluster>/tasks/<str:task>"
_REVISION = "task-definitions/<str:family>/<int:revision>"

urlpatterns: list[URLPattern] = [
    path("create-service/", service_new.create, name="service-new"),
    path(f"{_SERVICE}/", service.show, name="service"),
    path(f"{_SERVICE}/scale/", service_actions.scale, name="service-scale"),
    path(f"{_SERVICE}/deploy/", deploy.deploy, name="service-deploy"),
    path(f"{_SERVICE}/stop-deployment/", service_actions.stop_deployment, name="service-stop-deployment"),
    path(f"{_SERVICE}/continue-deployment/", pauses.answer, name="service-continue"),
    path(f"{_SERVICE}/delete/", service_actions.delete, name="service-delete"),
    path(f"{_SERVICE}/rollback/", rollback.preview, name="rollback"),
    path(f"{_SET}/scale/", task_sets.scale, name="task-set-scale"),
    path(f"{_SET}/primary/", task_sets.promote, name="task-set-primary"),
    path(f"{_SET}/delete/", task_sets.delete, name="task-set-delete"),
    path(f"{_SERVICE}/log.json", logs.of_service, name="service-log"),
    path("run-task/", task_new.run, name="task-run"),
    path(f"{_TASK}/", task.show, name="task"),
    path(f"{_TASK}/stop/", task.stop, name="task-stop"),
    path(f"{_TASK}/protection/", task_protection.protect, name="task-protection"),
    path(f"{_TASK}/log.json", logs.of_task, name="task-log"),
    path("task-definitions/", definitions.families, name="task-definitions"),
    path("register-task-definition/", register.show, name="task-definition-new"),
    path("compare-task-definitions/", definitions.compare, name="task-definition-compare"),
    path("task-definitions/<str:family>/", definitions.family, name="family"),
    path(f"{_REVISION}/", definitions.revision, name="task-definition"),
    path(f"{_REVISION}/deregister/", definitions.deregister, name="task-definition-deregister"),
]
