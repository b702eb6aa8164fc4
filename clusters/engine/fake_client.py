"""What every call on the fake engine has in common: it is noted, may be befallen by a fault, and
never touches what another installation owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from .errors import EngineUnavailable, NotOurs
from .fake_host import FakeContainer, FakeHost
from .fake_world import Call
from .port import LABEL_INSTALLATION

C = TypeVar("C", bound="FakeClient")
P = ParamSpec("P")
R = TypeVar("R")


class FakeClient:
    """One installation's connection to a FakeHost."""

    def __init__(self, host: FakeHost, installation: str) -> None:
        self.host = host
        self.installation = installation
        self.closed = False

    def _owned(self, id_or_name: str) -> FakeContainer | None:
        container = self.host.find(id_or_name)
        if container is not None:
            self._refuse_foreign("Container", id_or_name, container.labels)
        return container

    def _refuse_foreign(self, kind: str, name: str, labels: Mapping[str, str]) -> None:
        if labels.get(LABEL_INSTALLATION) != self.installation:
            raise NotOurs(f"{kind} {name} does not belong to installation {self.installation}.")


def operation(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
    """Note the call, and let the host's next fault befall it."""
    name = method.__name__

    @wraps(method)
    def call(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        host = self.host
        subject = getattr(args[0], "name", args[0]) if args else ""
        host.calls.append(Call(host.clock.now(), name, str(subject)))
        fault = host.next_fault(name)
        if fault is not None and fault.delay:
            host.clock.sleep(fault.delay)
        if self.closed:
            raise EngineUnavailable(f"The connection to {host.name} was closed.")
        host.require_reachable()
        host.settle()
        if fault is not None and fault.error is not None and not fault.after_effect:
            raise fault.error
        result = method(self, *args, **kwargs)
        if fault is not None and fault.error is not None:
            raise fault.error
        return result

    return call
