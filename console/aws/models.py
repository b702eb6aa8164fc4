"""AWS's own service models, from botocore: which services are answered, how they are told apart, what each operation
takes and answers.

Loading a model takes some 50 ms, so it is done once for each process and service, when first asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

Protocol = Literal["json", "query"]
_REFUSED_UNLISTED = "ClientException"


@dataclass(frozen=True)
class Operation:
    """One operation of a service's model, with its checks compiled when it is first called."""

    service: Service
    name: str
    model: OperationModel = field(repr=False)

    @cached_property
    def members(self) -> dict[str, Shape]:
        """What it takes, by AWS's names."""
        shape = self.model.input_shape
        return dict(shape.members) if shape is not None else {}

    @cached_property
    def errors(self) -> dict[str, tuple[str, int]]:
        """Shape name or error code -> (the code on the wire, the HTTP status)."""
        found: dict[str, tuple[str, int]] = {}
        for shape in self.model.error_shapes:
            error = shape.metadata.get("error", {})
            code = error.get("code", shape.name)
            status = error.get("httpStatusCode") or (500 if shape.metadata.get("fault") else 400)
            found[shape.name] = found[code] = (code, int(status))
        return found

    @cached_property
    def check(self) -> Callable[[Any], dict[str, Any]]:
        from console.aws.checks import compiled_check

        return compiled_check(self.model.input_shape)

    @cached_property
    def render(self) -> Callable[[Any], Any]:
        """From a handler's answer to the body: JSON's value, or XML's text."""
        from console.aws.answers import compiled_json, compiled_xml

        shape = self.model.output_shape
        return compiled_json(shape) if self.service.protocol == "json" else compiled_xml(shape)

    @cached_property
    def python_names(self) -> dict[str, str]:
        """enableECSManagedTags -> enable_ecs_managed_tags, for each member."""
        return {name: xform_name(name) for name in self.members}


@dataclass(frozen=True)
class Service:
    """One service. `name` is botocore's, which is also the prefix of its IAM actions."""

    name: str
    model: ServiceModel = field(repr=False)

    @cached_property
    def protocol(self) -> Protocol:
        return "json" if self.model.metadata["protocol"] == "json" else "query"

    @property
    def version(self) -> str:
        return str(self.model.api_version)

    @property
    def signing_name(self) -> str:
        return str(self.model.signing_name)

    @property
    def target_prefix(self) -> str:
        """Of X-Amz-Target; "" where the protocol has none."""
        return str(self.model.metadata.get("targetPrefix", ""))

    @property
    def content_type(self) -> str:
        version = self.model.metadata.get("jsonVersion", "1.0")
        return f"application/x-amz-json-{version}" if self.protocol == "json" else "text/xml"

    @cached_property
    def operations(self) -> dict[str, Operation]:
        return {
            name: Operation(self, name, self.model.operation_model(name))
            for name in self.model.operation_names
        }


SERVED: tuple[str, ...] = ("ecs", "iam", "sts", "secretsmanager", "ssm")
"""By botocore's names. Another one is added here, and its operations in console.aws.faces."""

_lock = threading.Lock()
_loaded: dict[str, Service] = {}
_loader = Loader()


def service(name: str) -> Service:
    """The model of one of SERVED."""
    found = _loaded.get(name)
    if found is None:
        with _lock:
            if name not in _loaded:
                _loaded[name] = Service(
                    name, ServiceModel(_loader.load_service_model(name, "service-2"), name)
                )
            found = _loaded[name]
    return found


def by_target(prefix: str) -> Service | None:
    """The service whose X-Amz-Target begins so."""
    # ECS first: nothing else is loaded for a client that speaks only to it.
    return next((found for found in map(service, SERVED) if found.target_prefix == prefix), None)


def by_signing_name(name: str) -> Service | None:
    """The service of a credential scope."""
    return service(name) if name in SERVED else None
