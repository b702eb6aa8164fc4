"""The one view behind every address: read the request, call the endpoint's action, show its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ListField
from rest_framework.views import APIView

from access.caller import Caller
from access.middleware import console_caller
from access.models import User
from console.rest.actions import Action, Endpoint
from console.rest.fields import Request as Fields
from console.rest.names import camel, snake
from console.rest.schema import EndpointSchema

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class EndpointView(APIView):
    """`view_of` makes a class of it for each endpoint, with a handler and the request's fields for each method."""

    endpoint: ClassVar[Endpoint]
    fields: ClassVar[Mapping[str, type[Fields]]]
    schema = EndpointSchema()
    http_method_names = ("get", "head", "post", "put", "patch", "delete")

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Answers hold secrets and states: nobody on the way keeps them."""
        response["Cache-Control"] = "no-store"
        return super().finalize_response(request, response, *args, **kwargs)

    def answer(self, request: Request, **path: str) -> Response:
        """Any method of any endpoint."""
        method = "GET" if request.method == "HEAD" else str(request.method)
        action = self.endpoint.actions[method]
        params: dict[str, Any] = {snake(name): value for name, value in path.items()}
        extra: dict[str, Any] = {}
        if method in WITH_BODY:
            if request.query_params:
                raise ValidationError(
                    {name: [f"{method} takes no query parameters"] for name in request.query_params}
                )
            params.update(self._body(action, request))
        else:
            if method == "DELETE" and request.data:
                names = request.data if isinstance(request.data, dict) else ["non_field_errors"]
                raise ValidationError({name: ["DELETE takes its parameters in the query"] for name in names})
            found = _checked(self.fields[method], _query(request, self.fields[method]))
            own = set(action.target.parameters)
            extra = {camel(name): value for name, value in found.items() if name not in own}
            params.update({name: value for name, value in found.items() if name in own})
        return action.run(_caller_of(request), params, extra, request.build_absolute_uri())

    def _body(self, action: Action, request: Request) -> dict[str, Any]:
        if action.whole_body:
            if not isinstance(request.data, dict):
                raise ValidationError({"non_field_errors": ["The body must be an object."]})
            return {action.whole_body: request.data}
        return _checked(self.fields[str(request.method)], request.data)


def _caller_of(request: Request) -> Caller:
    """A token is its user; a browser's session may have switched to a role."""
    assert isinstance(request.user, User)
    if request.auth is None:
        return console_caller(request._request, face="rest")
    return Caller.for_user(request.user, face="rest", request=request._request)


def _checked(fields: type[Fields], data: Any) -> dict[str, Any]:
    serializer = fields(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _query(request: Request, fields: type[Fields]) -> dict[str, Any]:
    """The query's values; a list's are given one by one, under the same name."""
    lists = {name for name, field in fields().fields.items() if isinstance(field, ListField)}
    given = dict(request.query_params.lists())
    twice = [name for name, values in given.items() if len(values) > 1 and name not in lists]
    if twice:
        raise ValidationError({name: ["given more than once"] for name in twice})
    return {name: values if name in lists else values[0] for name, values in given.items()}


def view_of(endpoint: Endpoint) -> Callable[..., Any]:
    """The view of one endpoint; methods it has not are answered 405."""
    handlers = {method.lower(): EndpointView.answer for method in endpoint.actions}
    fields = {
        method: action.request(endpoint.path_parameters, query=method not in WITH_BODY)
        for method, action in endpoint.actions.items()
    }
    made = type("View", (EndpointView,), {"endpoint": endpoint, "fields": fields, **handlers})
    view: Callable[..., Any] = made.as_view()  # type: ignore[attr-defined]
    return view


class Nothing(APIView):
    """Every other address below /api/: the error body instead of a page."""

    schema = None
    permission_classes = ()
    metadata_class = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound("There is nothing at this address.")

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self.http_method_not_allowed(request)
