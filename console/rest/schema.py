"""The API's description (OpenAPI) of endpoints: read from the same data that answers the requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from console.rest import documents
from console.rest.errors import Error
from console.rest.names import camel
from console.rest.parameters import described

if TYPE_CHECKING:
    from console.rest.actions import Action
    from console.rest.views import EndpointView

_BODIES = {
    documents.TASK_DEFINITION: documents.task_definition,
    documents.DAEMON_TASK_DEFINITION: documents.daemon_task_definition,
}
_REFUSALS = {
    "400": "The request is wrong; `fields` says where.",
    "401": "No token, or one that is not good.",
    "403": "The caller may not do this; nothing was changed, and the denial was recorded.",
    "404": "What is named does not exist, or the caller may not see it.",
    "409": "Something else forbids it now.",
    "429": "Too many requests; Retry-After says how many seconds to wait.",
}


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "console.rest.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token, as issued at /users/{username}/tokens.",
        }


class EndpointSchema(AutoSchema):
    """Describes the methods of an EndpointView."""

    view: EndpointView  # type: ignore[assignment, override]

    def action(self) -> Action:
        return self.view.endpoint.actions[self.method]

    def get_operation_id(self) -> str:
        return self.action().operation_id

    def get_tags(self) -> list[str]:
        return [self.view.endpoint.tag]

    def get_summary(self) -> str:
        return first_sentence(self.action().target.doc)

    def get_description(self) -> str:  # type: ignore[override]
        target = self.action().target
        permissions = ", ".join(
            f"`{action}`" for action in dict.fromkeys(op.action for op in target.operations)
        )
        return f"{target.doc}\n\nPermission: {permissions}."

    def get_extensions(self) -> dict[str, Any]:
        return {"x-permissions": [op.action for op in self.action().target.operations]}

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False

    def get_override_parameters(self) -> list[Any]:
        endpoint = self.view.endpoint
        found = [
            OpenApiParameter(camel(name), str, OpenApiParameter.PATH, description=described(name))
            for name in endpoint.path_parameters
        ]
        if self.method not in ("POST", "PUT", "PATCH"):
            found += [
                _query_parameter(name, field)
                for name, field in self.view.fields[self.method]().fields.items()
            ]
        return found

    def get_request_serializer(self) -> Any:
        action = self.action()
        if action.body_schema:
            return {"application/json": self._component(action.body_schema)}
        fields = self.view.fields[self.method]
        return fields if fields().fields else None

    def get_response_serializers(self) -> Any:
        action = self.action()
        shape = action.response_shape()
        done = (
            OpenApiResponse(shape, description="Done.")
            if shape is not None
            else OpenApiResponse(None, "Done.")
        )
        found: dict[Any, Any] = {str(action.status if shape is not None else 204): done}
        if action.media_type:
            found = {("200", action.media_type): OpenApiResponse(OpenApiTypes.BINARY, "The file.")}
        for status, description in _REFUSALS.items():
            if status != "409" or any(op.writes for op in action.target.operations):
                found[status] = OpenApiResponse(Error, description=description)
        return found

    def get_examples(self) -> list[OpenApiExample]:
        action = self.action()
        if action.example is None:
            return []
        return [OpenApiExample("Example", value=action.example, request_only=True)]

    def _component(self, name: str) -> dict[str, Any]:
        component = ResolvedComponent(
            name=name, type=ResolvedComponent.SCHEMA, schema=_BODIES[name](), object=f"body {name}"
        )
        self.registry.register_on_missing(component)
        reference: dict[str, Any] = component.ref
        return reference


def first_sentence(doc: str) -> str:
    """Of a docstring, on one line, without its full stop."""
    text = " ".join(doc.split())
    for position, letter in enumerate(text):
        if letter in ".:;" and text[position + 1 : position + 2] in ("", " "):
            return text[:position]
    return text


_TYPES: tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], Any], ...] = (
    (serializers.BooleanField, {"type": "boolean"}),
    (serializers.IntegerField, {"type": "integer"}),
    (serializers.DateTimeField, {"type": "string", "format": "date-time"}),
    (serializers.ListField, {"type": "array", "items": {"type": "string"}}),
)


def _query_parameter(name: str, field: serializers.Field[Any, Any, Any, Any]) -> OpenApiParameter:
    kind = next((schema for base, schema in _TYPES if isinstance(field, base)), {"type": "string"})
    default = field.default if isinstance(field.default, str | int) else None
    schema = kind if default is None else {**kind, "default": default}
    choices = list(field.choices) if isinstance(field, serializers.ChoiceField) else None
    return OpenApiParameter(
        name,
        schema,
        OpenApiParameter.QUERY,
        required=field.required,
        description=str(field.help_text or ""),
        enum=choices,
    )


def canonical(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Spectacular's hook: the addresses of this API, each without its twin that ends with a slash."""
    return [one for one in endpoints if one[0].startswith("/api/") and not one[0].endswith("/")]
