"""Task sets of services with the deployment controller EXTERNAL."""

from __future__ import annotations

from console.rest.actions import Action, Endpoint, Filter, Listing
from console.rest.shapes.task_sets import TaskSetShape

_TAG = "Task sets"
_SETS = "clusters/<str:cluster>/services/<str:service>/task-sets"
_ONE = f"{_SETS}/<str:taskSet>"
ENDPOINTS = [
    Endpoint(
        _SETS,
        _TAG,
        GET=Listing(
            "list_task_sets",
            TaskSetShape,
            filters={"externalId": Filter("external_id", "Its name in the system that deploys.")},
            orders={"createdAt": ("created_at",), "scalePercent": ("scale",)},
            order="createdAt",
        ),
        POST=Action(
            "create_task_set",
            TaskSetShape,
            status=201,
            example={"taskDefinition": "web:2", "externalId": "build-42", "scale": {"value": 50}},
        ),
    ),
    Endpoint(
        _ONE,
        _TAG,
        GET=Action("describe_task_set", TaskSetShape),
        PATCH=Action("update_task_set", TaskSetShape, example={"scale": {"value": 100}}),
        DELETE=Action("delete_task_set", TaskSetShape),
    ),
    Endpoint(
        "clusters/<str:cluster>/services/<str:service>/task-sets/<str:primaryTaskSet>/primary",
        _TAG,
        POST=Action("update_service_primary_task_set", TaskSetShape, example={}),
    ),
]
