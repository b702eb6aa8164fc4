"""The choke point: every operation of every face is registered here, authorized, and audited.

    @operation("ecs:UpdateService", resource=lambda p: service_arn(p["cluster"], p["service"]), writes=True)
    def update_service(caller: Caller, *, cluster: str = "default", service: str, ...) -> Service:
        \"\"\"What it does, in a sentence (shown in the documentation of the API).\"\"\"

The decorated function is called as it is written: `update_service(caller, service="web")`. Around its body: parameters
are bound by name, every Need is authorized (a denial is recorded and raised), a write runs in one transaction together
with its audit record, and a failure rolls both back and is recorded by itself. See docs/adding-an-operation.md.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from django.db import transaction

from access.authorization.request_tags import request_tags
from access.caller import Caller, system_caller
from access.identities.attached import Statements
from access.policy import Context, Decision
from access.trail import audit, records
from access.trail.models import AuditRecord
from base.errors import AccessDenied, InvalidParameter, OperationError

__all__ = [
    "Caller",
    "Need",
    "Operation",
    "Params",
    "all_operations",
    "authorize",
    "call",
    "get",
    "operation",
    "system_caller",
]

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Params = Mapping[str, Any]
"""The parameters of one call by name, defaults filled in."""


@dataclass(frozen=True, slots=True)
class Need:
    """One permission a call requires. `resource`: an ARN, or "*". `owners`, `resource_policy`: see Caller.may; `trust`:
    the statements of a role's trust policy, which must allow, see Caller.may_become."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    resource_policy: Statements | None = field(default=None, repr=False)
    trust: Statements | None = field(default=None, repr=False)
    shown: str = ""  # what a refusal calls the resource, where its ARN would tell that it exists

    def asked_of(self, caller: Caller) -> Decision:
        """Whether the caller has it."""
        if self.trust is not None:
            return caller.may_become(self.action, self.resource, self.trust, self.context)
        return caller.may(self.action, self.resource, self.context, self.owners, self.resource_policy)


@dataclass(frozen=True)
class Operation:
    """What is known of one operation. `name` is the Python name ("update_service")."""

    name: str
    action: str
    writes: bool
    audited_read: bool
    module: str
    doc: str
    signature: inspect.Signature
    redact: tuple[str, ...]
    resource: str | Callable[[Params], str | Sequence[str]]
    context: Callable[[Params], Context] | None
    owners: Callable[[Params], Sequence[str]] | None
    extra: Callable[[Caller, Params], Iterable[Need]] | None
    changes: Callable[[Params, Any], Mapping[str, tuple[Any, Any]]] | None
    shown: Callable[[Params], str] | None
    body: Callable[..., Any] = field(repr=False)

    @property
    def aws_name(self) -> str:
        """ "UpdateService"."""
        return self.action.rpartition(":")[2]

    @property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """Those after the caller."""
        return tuple(self.signature.parameters.values())[1:]

    def __call__(self, caller: Caller, /, **params: Any) -> Any:
        return _run(self, caller, params)


_operations: dict[str, Operation] = {}
_NOWHERE = "arn:aws:slipway:::does-not-exist"
"""What stands for a resource that could not be found: only a statement about everything matches it."""
_running: ContextVar[Operation | None] = ContextVar("running_operation", default=None)


def operation(
    action: str,
    *,
    resource: str | Callable[[Params], str | Sequence[str]],
    writes: bool,
    extra: Callable[[Caller, Params], Iterable[Need]] | None = None,
    context: Callable[[Params], Context] | None = None,
    owners: Callable[[Params], Sequence[str]] | None = None,
    redact: Sequence[str] = (),
    audited_read: bool = False,
    changes: Callable[[Params, Any], Mapping[str, tuple[Any, Any]]] | None = None,
    shown: Callable[[Params], str] | None = None,
) -> Callable[[Callable[Concatenate[Caller, P], R]], Callable[Concatenate[Caller, P], R]]:
    """Register a function `f(caller, *, parameters)` as an operation.

    `action`: the IAM action ("ecs:UpdateService"). `resource`: the ARN or ARNs it acts on, from the parameters, or "*"
    for an action that has none. `context`: condition keys of the request. `owners`: ARNs the resource belongs to that
    its own does not tell. `extra`: further permissions that these parameters call for. `redact`: parameters (at any
    depth) never to be kept in the audit trail. `shown`: what a refusal calls the resource, where its ARN would
    tell whether it exists. `changes`: field -> (before, after) from parameters and result; or let
    the body call access.trail.audit.note_change.
    """

    def register(body: Callable[Concatenate[Caller, P], R]) -> Callable[Concatenate[Caller, P], R]:
        signature = inspect.signature(body)
        _check_signature(body, signature)
        registered = Operation(
            name=body.__name__,
            action=action,
            writes=writes,
            audited_read=audited_read,
            module=body.__module__,
            doc=inspect.getdoc(body) or "",
            signature=signature,
            redact=tuple(redact),
            resource=resource,
            context=context,
            owners=owners,
            extra=extra,
            changes=changes,
            shown=shown,
            body=body,
        )
        known = _operations.get(registered.name)
        if known is not None and known.module != registered.module:
            raise RuntimeError(
                f"two operations named {registered.name}: in {known.module} and {registered.module}"
            )
        _operations[registered.name] = registered

        @functools.wraps(body)
        def call_it(caller: Caller, /, *args: Any, **params: Any) -> Any:
            if args:
                raise TypeError(f"{registered.name}: parameters are given by name")
            return _run(registered, caller, params)

        call_it.operation = registered  # type: ignore[attr-defined]
        return cast(Callable[Concatenate[Caller, P], R], call_it)

    return register


def _check_signature(body: Callable[..., Any], signature: inspect.Signature) -> None:
    parameters = list(signature.parameters.values())
    if not parameters or any(
        parameter.kind is not inspect.Parameter.KEYWORD_ONLY for parameter in parameters[1:]
    ):
        raise TypeError(
            f"{body.__module__}.{body.__name__} must be written as f(caller, *, named, parameters)"
        )


def all_operations() -> tuple[Operation, ...]:
    """Every registered operation, by name."""
    return tuple(_operations[name] for name in sorted(_operations))


def get(name: str) -> Operation:
    """The operation of that Python name. Raises KeyError."""
    return _operations[name]


def call(name: str, caller: Caller, /, **params: Any) -> Any:
    """Call an operation by its Python name."""
    return _run(get(name), caller, params)


def authorize(
    caller: Caller,
    action: str,
    resource: str,
    context: Context | None = None,
    owners: Sequence[str] = (),
) -> None:
    """For a face that does something that is no operation (streams a log): raises AccessDenied, and records it."""
    need = Need(action, resource, context or {}, tuple(owners))
    decision = need.asked_of(caller)
    if not decision.allowed:
        error = _denied(caller, need, decision)
        _leave(records.denial(caller, action, need, [resource], error), error)
        raise error


# --- one call ---------------------------------------------------------------------------------------


def _run(op: Operation, caller: Caller, given: Mapping[str, Any]) -> Any:
    params = _bind(op, given)
    outer = _running.get()
    if op.writes and outer is not None and outer.writes and not caller.system:
        raise RuntimeError(f"{op.name} was called inside {outer.name}: share a function, not an operation")
    needs = _authorize(op, caller, params)
    token = _running.set(op)
    try:
        if op.writes:
            return _write(op, caller, params, needs, durable=outer is None and not caller.system)
        return _read(op, caller, params, needs)
    except Exception as error:
        _leave(records.failure(op, caller, params, needs, error), error, alone=outer is None)
        raise
    finally:
        _running.reset(token)


def _bind(op: Operation, given: Mapping[str, Any]) -> Params:
    """Every problem of the names at once, as InvalidParameter."""
    problems: dict[str, str] = {}
    params: dict[str, Any] = {}
    for parameter in op.parameters:
        if parameter.name in given:
            params[parameter.name] = given[parameter.name]
        elif parameter.default is not inspect.Parameter.empty:
            params[parameter.name] = parameter.default
        else:
            problems[parameter.name] = "is required"
    problems.update((name, f"is not a parameter of {op.aws_name}") for name in given if name not in params)
    if problems:
        text = "; ".join(f"{name} {reason}" for name, reason in problems.items())
        raise InvalidParameter(f"{text}.", fields=problems)
    return params


def _authorize(op: Operation, caller: Caller, params: Params) -> list[Need]:
    """Every Need of the call, each allowed. Those of the operation itself come before the extra ones, which may look
    at rows that only who passed the first may hear of."""
    try:
        needs = _own_needs(op, params)
    except OperationError as error:
        raise _unfound(op, caller, params, error) from None
    _require(op, caller, params, needs)
    if op.extra is not None:
        try:
            extra = list(op.extra(caller, params))  # noqa: S610 - ours, not a queryset's
        except OperationError as error:
            _leave(records.failure(op, caller, params, needs, error), error)
            raise
        _require(op, caller, params, extra)
        needs += extra
    if not needs:
        raise RuntimeError(f"{op.name} asked for no permission")
    return needs


def _own_needs(op: Operation, params: Params) -> list[Need]:
    found = op.resource if isinstance(op.resource, str) else op.resource(params)
    resources = [found] if isinstance(found, str) else list(found)
    context = request_tags(params)
    if op.context is not None:
        given = op.context(params)
        context = {**context, **given} if context else given
    owners = tuple(op.owners(params)) if op.owners is not None else ()
    shown = op.shown(params) if op.shown is not None else ""
    return [Need(op.action, resource, context, owners, shown=shown) for resource in resources]


def _require(op: Operation, caller: Caller, params: Params, needs: Sequence[Need]) -> None:
    for need in needs:
        decision = need.asked_of(caller)
        if not decision.allowed:
            denied = _denied(caller, need, decision)
            resources = [need.resource, *(one.resource for one in needs)]
            _leave(records.denial(caller, op.name, need, resources, denied, records.kept(op, params)), denied)
            raise denied


def _unfound(op: Operation, caller: Caller, params: Params, error: OperationError) -> OperationError:
    """What to say when the resource could not be named. That something does not exist is told only to those who may
    do the action everywhere; others cannot tell "not allowed" from "not there"."""
    decision = caller.may(op.action, _NOWHERE)
    nameless = Need(op.action, "*")
    if decision.allowed:
        _leave(records.failure(op, caller, params, [nameless], error), error)
        return error
    denied = _denied(caller, nameless, decision)
    _leave(records.denial(caller, op.name, nameless, ["*"], denied, records.kept(op, params)), denied)
    return denied


def _write(op: Operation, caller: Caller, params: Params, needs: Sequence[Need], *, durable: bool) -> Any:
    with audit.taking_notes() as notes, transaction.atomic(durable=durable):
        result = op.body(caller, **params)
        if op.changes is not None:
            for name, (before, after) in op.changes(params, result).items():
                audit.note_change(name, before, after)
        audit.write(records.success(op, caller, params, needs, notes))
    return result


def _read(op: Operation, caller: Caller, params: Params, needs: Sequence[Need]) -> Any:
    if not op.audited_read:
        return op.body(caller, **params)
    # The record first: a secret is never handed out unrecorded.
    with audit.taking_notes() as notes:
        result = op.body(caller, **params)
        audit.write(records.success(op, caller, params, needs, notes))
    return result


# --- what did not happen ------------------------------------------------------------------------------


def _leave(record: AuditRecord | None, error: Exception, *, alone: bool | None = None) -> None:
    """Write the record of what did not happen, outside any transaction that this error is about to roll back.

    Inside another operation the record travels with the error to the outermost one, which writes it after its rows
    have gone.
    """
    carried: list[AuditRecord] = getattr(error, "_audit_records", [])
    if record is not None:
        carried = [*carried, record]
    if alone if alone is not None else _running.get() is None:
        error._audit_records = []  # type: ignore[attr-defined]
        audit.write_alone(carried)
    else:
        error._audit_records = carried  # type: ignore[attr-defined]


def _denied(caller: Caller, need: Need, decision: Decision) -> AccessDenied:
    resource = need.shown or need.resource
    where = "" if resource == "*" else f" on resource: {resource}"
    if decision.reason == "explicit-deny":
        sid = decision.statement.sid if decision.statement else ""
        source = decision.statement.source if decision.statement else ""
        because = (
            "with an explicit deny"
            + (f" in {source}" if source else "")
            + (f" (statement {sid})" if sid else "")
        )
    else:
        sid = ""
        by = (
            "no permissions boundary or session policy of theirs"
            if decision.guard is not None
            else "no policy of theirs"
        )
        because = f"because {by} allows the {need.action} action"
    return AccessDenied(
        f"User: {caller.arn} is not authorized to perform: {need.action}{where} {because}.",
        action=need.action,
        resource=resource,
        missing=decision.reason,
        statement=sid,
    )
