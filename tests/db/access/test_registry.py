"""The choke point: nothing passes it unauthorized or unrecorded, and what fails leaves the rows as they were."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from access import registry
from access.caller import Caller, system_caller
from access.models import AuditRecord, Group
from access.registry import Need, all_operations, authorize, call, operation
from access.trail import audit
from base import here
from base.errors import AccessDenied, ClientError, InvalidParameter, NotFound

pytestmark = pytest.mark.usefixtures("own_registry")

RENAME = {"Effect": "Allow", "Action": "test:RenameGroup", "Resource": "*"}


def register_rename(body: Callable[..., Any] | None = None, **more: Any) -> Callable[..., Any]:
    def rename_group(
        caller: Caller, *, group: str, to: str, password: str = "", document: Any = None
    ) -> Group:
        """Rename a group."""
        row = Group.objects.get(name=group)
        audit.note_change("name", row.name, to)
        row.name = to
        row.save()
        if body is not None:
            body(caller)
        return row

    options = {"resource": lambda params: here.group_arn(params["group"]), "writes": True, **more}
    return operation("test:RenameGroup", **options)(rename_group)


@pytest.fixture
def group(db: None) -> Group:
    return Group.objects.create(name="old")


def names() -> list[str]:
    return list(Group.objects.filter(name__in=["old", "new"]).values_list("name", flat=True))


def test_an_allowed_write_changes_and_is_recorded_whole(group: Group, caller_of: Any) -> None:
    rename = register_rename()
    environment = {"containerDefinitions": [{"environment": [{"name": "KEY", "value": "hush"}]}]}
    result = rename(
        caller_of(statements=[RENAME]), group="old", to="new", password="hush", document=environment
    )
    assert result.name == "new" and names() == ["new"]
    record = AuditRecord.objects.get()
    assert (record.result, record.actor_name, record.action) == ("success", "ana", "test:RenameGroup")
    assert record.actor_arn == here.user_arn("ana")
    assert record.resource == here.group_arn("old")
    assert record.changes == [{"field": "name", "before": "old", "after": "new"}]
    assert record.parameters["to"] == "new"
    assert record.parameters["password"] == audit.HIDDEN
    assert record.parameters["document"]["containerDefinitions"][0]["environment"] == [
        {"name": "KEY", "value": audit.HIDDEN}
    ]
    assert "hush" not in str(record.parameters)


def test_a_denied_write_changes_nothing_and_leaves_a_record(group: Group, caller_of: Any) -> None:
    rename = register_rename()
    with pytest.raises(AccessDenied) as caught:
        rename(caller_of("bob", "read-only"), group="old", to="new")
    assert names() == ["old"]
    assert (caught.value.action, caught.value.resource) == ("test:RenameGroup", here.group_arn("old"))
    assert here.user_arn("bob") in str(caught.value)
    record = AuditRecord.objects.get()
    assert (record.result, record.error_code) == ("denied", "AccessDeniedException")
    assert record.resource == here.group_arn("old")


def test_an_explicit_deny_names_its_statement(group: Group, caller_of: Any) -> None:
    rename = register_rename()
    forbidden = {"Sid": "NoRename", "Effect": "Deny", "Action": "test:*", "Resource": "*"}
    with pytest.raises(AccessDenied) as caught:
        rename(caller_of(statements=[RENAME, forbidden]), group="old", to="new")
    assert (caught.value.missing, caught.value.statement) == ("explicit-deny", "NoRename")
    assert "ana-group/ana-policy" in str(caught.value)


def fails(error: Exception) -> Callable[[Caller], None]:
    def body(caller: Caller) -> None:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientError("no room"), "ClientException"),
        (NotFound("gone"), "ResourceNotFoundException"),
        (IntegrityError("secret detail"), "InternalFailure"),
        (RuntimeError("secret detail"), "InternalFailure"),
    ],
)
def test_a_failed_write_leaves_the_rows_and_a_record(
    group: Group, caller_of: Any, error: Exception, code: str
) -> None:
    rename = register_rename(fails(error))
    with pytest.raises(type(error)):
        rename(caller_of(statements=[RENAME]), group="old", to="new")
    assert names() == ["old"]
    record = AuditRecord.objects.get()
    assert (record.result, record.error_code) == ("failed", code)
    assert "secret detail" not in record.error_message
    assert record.changes == []


def test_a_write_without_its_record_does_not_happen(
    group: Group, caller_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = register_rename()
    caller = caller_of(statements=[RENAME])

    def broken(record: AuditRecord) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(audit, "write", broken)
    with pytest.raises(RuntimeError):
        rename(caller, group="old", to="new")
    assert names() == ["old"]


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"group": "old"}, {"to": "is required"}),
        ({"group": "old", "to": "new", "colour": 1}, {"colour": "is not a parameter of RenameGroup"}),
        ({}, {"group": "is required", "to": "is required"}),
    ],
)
def test_parameters_are_bound_by_name(group: Group, caller_of: Any, params: Any, fields: Any) -> None:
    rename = register_rename()
    with pytest.raises(InvalidParameter) as caught:
        rename(caller_of(statements=[RENAME]), **params)
    assert caught.value.fields == fields
    assert names() == ["old"]


def test_every_need_must_be_allowed(group: Group, caller_of: Any) -> None:
    rename = register_rename(
        extra=lambda caller, params: [Need("slipway:UseHostMounts", here.group_arn("old"))]
    )
    with pytest.raises(AccessDenied, match="slipway:UseHostMounts"):
        rename(caller_of(statements=[RENAME]), group="old", to="new")
    assert names() == ["old"]
    both = [RENAME, {"Effect": "Allow", "Action": "slipway:UseHostMounts", "Resource": "*"}]
    rename(caller_of("bob", statements=both), group="old", to="new")
    assert names() == ["new"]


def test_every_resource_must_be_allowed(group: Group, caller_of: Any) -> None:
    arns = [here.group_arn("old"), here.group_arn("new")]
    rename = register_rename(resource=lambda params: arns)
    only_old = [{**RENAME, "Resource": arns[0]}]
    with pytest.raises(AccessDenied) as caught:
        rename(caller_of(statements=only_old), group="old", to="new")
    assert caught.value.resource == arns[1]
    assert set(AuditRecord.objects.get().resources) == set(arns)


def test_the_context_reaches_conditions(group: Group, caller_of: Any) -> None:
    rename = register_rename(context=lambda params: {"test:to": params["to"]})
    held = [{**RENAME, "Condition": {"StringEquals": {"test:to": "new"}}}]
    caller = caller_of(statements=held)
    with pytest.raises(AccessDenied):
        rename(caller, group="old", to="other")
    rename(caller, group="old", to="new")
    assert names() == ["new"]


def test_a_group_held_to_a_scope(group: Group, caller_of: Any) -> None:
    rename = register_rename()
    caller = caller_of(statements=[RENAME], scope=(here.group_arn("other"),))
    with pytest.raises(AccessDenied):
        rename(caller, group="old", to="new")
    rename(caller_of("bob", statements=[RENAME], scope=(here.group_arn("old"),)), group="old", to="new")
    assert names() == ["new"]


def test_not_there_and_not_allowed_look_the_same_to_who_may_not(caller_of: Any) -> None:
    def lookup(params: Any) -> str:
        raise NotFound("no such group")

    rename = register_rename(resource=lookup)
    with pytest.raises(AccessDenied):
        rename(caller_of("bob", statements=[RENAME], scope=(here.group_arn("old"),)), group="x", to="y")
    with pytest.raises(NotFound):
        rename(caller_of("eve", statements=[RENAME]), group="x", to="y")
    assert list(AuditRecord.objects.order_by("id").values_list("result", flat=True)) == ["denied", "failed"]


def test_a_deactivated_user_may_nothing(group: Group, make_user: Any) -> None:
    rename = register_rename()
    user = make_user("ana", "administrator")
    user.is_active = False
    with pytest.raises(AccessDenied):
        rename(Caller.for_user(user, face="console"), group="old", to="new")


def test_a_write_does_not_call_a_write(group: Group, caller_of: Any) -> None:
    caller = caller_of("root", "administrator")
    inner = register_rename()

    @operation("test:Outer", resource="*", writes=True)
    def outer(caller: Caller) -> None:
        """Calls another."""
        inner(caller, group="old", to="new")

    with pytest.raises(RuntimeError, match="rename_group was called inside outer"):
        outer(caller)
    assert names() == ["old"]


def test_the_system_may_compose_writes(group: Group) -> None:
    inner = register_rename()

    @operation("test:Outer", resource="*", writes=True)
    def outer(caller: Caller) -> None:
        """Calls another."""
        inner(caller, group="old", to="new")

    outer(system_caller("test"))
    assert names() == ["new"]
    assert set(AuditRecord.objects.values_list("actor_name", flat=True)) == {"system/test"}


@pytest.mark.django_db(transaction=True)
def test_a_denial_inside_a_write_is_recorded_although_the_write_rolls_back(caller_of: Any) -> None:
    Group.objects.create(name="old")

    @operation("test:Peek", resource="*", writes=False)
    def peek(caller: Caller) -> None:
        """Read something."""

    rename = register_rename(lambda caller: call("peek", caller))
    with pytest.raises(AccessDenied, match="test:Peek"):
        rename(caller_of(statements=[RENAME]), group="old", to="new")
    assert names() == ["old"]
    assert [(r.action, r.result) for r in AuditRecord.objects.all()] == [("test:Peek", "denied")]


@pytest.mark.django_db(transaction=True)
def test_a_write_inside_a_transaction_of_others_is_refused(caller_of: Any) -> None:
    """Its denial or failure could not be kept: the outer transaction might take the record with it."""
    Group.objects.create(name="old")
    rename = register_rename()
    caller = caller_of(statements=[RENAME])
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        rename(caller, group="old", to="new")
    assert names() == ["old"]


def test_a_read_leaves_no_record_unless_it_is_audited(caller_of: Any) -> None:
    @operation("test:Peek", resource="*", writes=False)
    def peek(caller: Caller) -> int:
        """Read something."""
        return 1

    @operation("test:ReadSecret", resource="*", writes=False, audited_read=True)
    def read_secret(caller: Caller) -> int:
        """Read a secret."""
        return 2

    caller = caller_of("root", "administrator")
    assert (peek(caller), read_secret(caller)) == (1, 2)
    assert [record.operation for record in AuditRecord.objects.all()] == ["read_secret"]


def test_a_face_may_ask_without_an_operation(caller_of: Any) -> None:
    with pytest.raises(AccessDenied):
        authorize(caller_of("ana", "read-only"), "ecs:ExecuteCommand", here.task_arn("default", "0a"))
    assert AuditRecord.objects.get().result == "denied"
    authorize(caller_of("root", "administrator"), "ecs:ExecuteCommand", here.task_arn("default", "0a"))


def test_the_trail_is_append_only(db: None) -> None:
    record = AuditRecord.objects.create(face="rest", operation="x", action="x:Y", result="success")
    record.action = "x:Z"
    with pytest.raises(TypeError):
        record.save()
    with pytest.raises(TypeError):
        record.delete()
    with pytest.raises(TypeError):
        AuditRecord.objects.all().update(action="x:Z")
    with pytest.raises(TypeError):
        AuditRecord.objects.filter(pk=record.pk).delete()


def test_names_are_unique() -> None:
    register_rename()

    def rename_group(caller: Caller) -> None:
        """Another of the same name."""

    rename_group.__module__ = "elsewhere"
    with pytest.raises(RuntimeError, match="two operations"):
        operation("test:X", resource="*", writes=True)(rename_group)


def test_a_signature_must_be_by_name() -> None:
    def positional(caller: Caller, group: str) -> None:
        """Wrong."""

    with pytest.raises(TypeError):
        operation("test:X", resource="*", writes=True)(positional)


@pytest.mark.parametrize("name", [op.name for op in all_operations()])
def test_every_operation_is_described(name: str) -> None:
    op = registry.get(name)
    assert len(op.doc.split()) >= 3, f"{op.module}.{name} needs a docstring"
    service, _, aws_name = op.action.partition(":")
    assert service and aws_name[:1].isupper()
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in op.parameters)
    assert op.signature.return_annotation is not inspect.Signature.empty


def test_one_query_makes_a_caller_and_none_its_decisions(
    make_user: Any, django_assert_num_queries: Any
) -> None:
    user = make_user("ana", "deployer", "operator", "read-only")
    with django_assert_num_queries(1):
        caller = Caller.for_user(user, face="rest")
    with django_assert_num_queries(0):
        assert caller.may("ecs:UpdateService", here.service_arn("default", "web")).allowed


def test_extra_needs_may_look_at_what_the_caller_may_hear_of(group: Group, caller_of: Any) -> None:
    def lookup(caller: Caller, params: Any) -> list[Need]:
        raise NotFound("no such definition")

    rename = register_rename(extra=lookup)
    held = (here.group_arn("old"),)
    with pytest.raises(NotFound):
        rename(caller_of("ana", statements=[RENAME], scope=held), group="old", to="new")
    with pytest.raises(AccessDenied):
        rename(caller_of("bob", statements=[RENAME], scope=held), group="other", to="new")
    assert list(AuditRecord.objects.order_by("id").values_list("result", flat=True)) == ["failed", "denied"]


def test_an_operation_that_asks_for_no_permission_is_refused(group: Group, caller_of: Any) -> None:
    rename = register_rename(resource=lambda params: [])
    with pytest.raises(RuntimeError, match="no permission"):
        rename(caller_of("root", "administrator"), group="old", to="new")
    assert names() == ["old"]
