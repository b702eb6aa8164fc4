"""Parameters: types, versions, labels, hierarchy, permissions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from access.caller import Caller
from access.models import AuditRecord
from base.errors import AccessDenied, NotFound, OperationError
from tests.db.vault.conftest import allow
from tests.db.vault.test_secrets import dump
from vault.models import Parameter, ParameterVersion
from vault.parameter_operations import (
    delete_parameter,
    label_parameter_version,
    put_parameter,
    tag_parameter,
    untag_parameter,
)
from vault.parameter_queries import (
    describe_parameter,
    describe_parameters,
    get_parameter,
    get_parameter_history,
    get_parameters,
    get_parameters_by_path,
)

VALUE = "kaleidoscope-7731"
pytestmark = pytest.mark.django_db


def test_a_parameter_is_made_overwritten_and_read(root: Caller) -> None:
    put_parameter(root, name="/app/db", value="one", type="String", tags={"team": "shop"})
    with pytest.raises(OperationError) as refused:
        put_parameter(root, name="/app/db", value="two")
    assert refused.value.code == "ParameterAlreadyExists"
    assert put_parameter(root, name="/app/db", value="two", overwrite=True).version == 2
    found = get_parameter(root, name="/app/db")
    assert (found.value, found.version, found.type) == ("two", 2, "String")
    assert found.arn == "arn:aws:ssm:us-east-1:123456789012:parameter/app/db"
    assert get_parameter(root, name="/app/db:1").value == "one"
    assert get_parameter(root, name="/app/db:1").selector == ":1"
    assert get_parameter(root, name=found.arn).value == "two"
    with pytest.raises(NotFound) as missing:
        get_parameter(root, name="/app/db:9")
    assert missing.value.code == "ParameterVersionNotFound"
    assert [one.value for one in get_parameter_history(root, name="/app/db")] == ["two", "one"]
    assert describe_parameter(root, name="/app/db").version == 2
    delete_parameter(root, name="/app/db")
    with pytest.raises(NotFound) as missing:
        get_parameter(root, name="/app/db")
    assert missing.value.code == "ParameterNotFound"


def test_a_secure_string_stays_encrypted_until_asked(root: Caller) -> None:
    put_parameter(root, name="key", value=VALUE, type="SecureString")
    assert VALUE not in get_parameter(root, name="key").value
    assert get_parameter(root, name="key", with_decryption=True).value == VALUE
    assert get_parameter_history(root, name="key")[0].value != VALUE
    with pytest.raises(OperationError, match="cannot become a String"):
        put_parameter(root, name="key", value="x", type="String", overwrite=True)


def test_no_value_of_any_type_is_in_the_database(root: Caller) -> None:
    for kind in ("String", "StringList", "SecureString"):
        put_parameter(root, name=f"p{kind}", value=VALUE, type=kind)
    held = dump()
    assert "ssm:PutParameter" in held and VALUE not in held


def test_labels_move(root: Caller) -> None:
    put_parameter(root, name="p", value="one", type="String")
    put_parameter(root, name="p", value="two", overwrite=True)
    label_parameter_version(root, name="p", labels=["live", "good"], parameter_version=1)
    assert get_parameter(root, name="p:live").value == "one"
    label_parameter_version(root, name="p", labels=["live"])
    assert get_parameter(root, name="p:live").value == "two"
    assert ParameterVersion.objects.get(version=1).labels == ["good"]
    for wrong in (["1st"], ["aws-x"], ["a b"], []):
        with pytest.raises(OperationError):
            label_parameter_version(root, name="p", labels=wrong)


def test_paths(root: Caller) -> None:
    for name in ("/app/a", "/app/b", "/app/deep/c", "/other/d", "/application/e"):
        put_parameter(root, name=name, value=name, type="String")
    assert [p.name for p in get_parameters_by_path(root, path="/app").parameters] == ["/app/a", "/app/b"]
    assert len(get_parameters_by_path(root, path="/app/", recursive=True).parameters) == 3
    assert len(get_parameters_by_path(root, path="/", recursive=True).parameters) == 5
    assert [row.name for row in describe_parameters(root, path="/app")] == ["/app/a", "/app/b", "/app/deep/c"]


def test_several_at_once(root: Caller) -> None:
    put_parameter(root, name="a", value="1", type="String")
    found = get_parameters(root, names=["a", "b", "a:7"])
    assert [p.value for p in found.parameters] == ["1"]
    assert found.invalid_parameters == ("b", "a:7")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "a b", "type": "String"}, "name"),
        ({"name": "a/b", "type": "String"}, "name"),
        ({"name": "/" + "/".join("x" * 16), "type": "String"}, "name"),
        ({"name": "/aws/x", "type": "String"}, "name"),
        ({"name": "x"}, "type"),
        ({"name": "x", "type": "Text"}, "type"),
        ({"name": "x", "type": "String", "tier": "Huge"}, "tier"),
        ({"name": "x", "type": "String", "value": ""}, "value"),
        ({"name": "x", "type": "String", "value": "y" * 4097}, "value"),
        ({"name": "x", "type": "String", "tier": "Advanced", "value": "y" * 8193}, "value"),
        ({"name": "x", "type": "StringList", "value": "a,,b"}, "value"),
        ({"name": "x", "type": "String", "allowed_pattern": "^[0-9]+$", "value": VALUE}, "value"),
        ({"name": "x", "type": "String", "allowed_pattern": "("}, "allowedPattern"),
        ({"name": "x", "type": "String", "key_id": "alias/mine"}, "keyId"),
        ({"name": "x", "type": "String", "data_type": "aws:ec2:image"}, "dataType aws:ec2:image"),
    ],
)
def test_what_is_wrong_is_named(root: Caller, given: dict[str, Any], field: str) -> None:
    with pytest.raises(OperationError) as refused:
        put_parameter(root, **{"value": "v", **given})
    assert field in refused.value.fields
    assert VALUE not in str(refused.value)
    assert Parameter.objects.count() == 0


def test_advanced_values_are_larger(root: Caller) -> None:
    put_parameter(root, name="x", type="String", tier="Advanced", value="y" * 8192)


def test_a_slash_more_is_the_same_parameter(root: Caller) -> None:
    put_parameter(root, name="x", type="String", value="1")
    with pytest.raises(OperationError) as refused:
        put_parameter(root, name="/x", type="String", value="2")
    assert refused.value.code == "ParameterAlreadyExists"
    assert get_parameter(root, name="/x").value == "1"


def test_permissions(root: Caller, caller_with: Callable[..., Caller]) -> None:
    put_parameter(root, name="/shop/a", type="String", value="1", tags={"team": "shop"})
    put_parameter(root, name="/bank/a", type="String", value="2", tags={"team": "bank"})
    by_path = caller_with(allow("ssm:Get*", resource="arn:aws:ssm:*:*:parameter/shop*"))
    by_tag = caller_with(allow("ssm:GetParameter*", StringEquals={"ssm:ResourceTag/team": "shop"}))
    for caller in (by_path, by_tag):
        assert get_parameter(caller, name="/shop/a").value == "1"
        assert len(get_parameters(caller, names=["/shop/a"]).parameters) == 1
        for refused in (
            lambda who=caller: get_parameter(who, name="/bank/a"),
            lambda who=caller: get_parameter(who, name="/nowhere"),
            lambda who=caller: get_parameters(who, names=["/shop/a", "/bank/a"]),
            lambda who=caller: get_parameter_history(who, name="/bank/a"),
        ):
            with pytest.raises(AccessDenied):
                refused()
    assert get_parameters_by_path(by_path, path="/shop").parameters[0].value == "1"
    for path in ("/", "/bank"):
        with pytest.raises(AccessDenied):
            get_parameters_by_path(by_path, path=path, recursive=True)
    reads = AuditRecord.objects.filter(result="success", action="ssm:GetParameter")
    assert reads.count() == 2 and all(record.face == "rest" for record in reads)


def test_who_creates_with_tags_must_be_allowed_to_tag(caller_with: Callable[..., Caller]) -> None:
    caller = caller_with(allow("ssm:PutParameter"))
    put_parameter(caller, name="a", type="String", value="1")
    with pytest.raises(AccessDenied, match="ssm:AddTagsToResource"):
        put_parameter(caller, name="b", type="String", value="1", tags={"team": "shop"})
    assert Parameter.objects.count() == 1


def test_taking_tags_away_tells_their_keys(caller_with: Callable[..., Caller], root: Caller) -> None:
    put_parameter(root, name="a", type="String", value="1", tags={"note": "1", "team": "shop"})
    only = {"ForAllValues:StringEquals": {"aws:TagKeys": ["note"]}, "Null": {"aws:TagKeys": "false"}}
    caller = caller_with({**allow("ssm:RemoveTagsFromResource"), "Condition": only})
    with pytest.raises(AccessDenied):
        untag_parameter(caller, name="a", tag_keys=["note", "team"])
    untag_parameter(caller, name="a", tag_keys=["note"])
    assert describe_parameter(root, name="a").tags == {"team": "shop"}


def test_tags(root: Caller) -> None:
    put_parameter(root, name="a", type="String", value="1", tags={"a": "1"})
    tag_parameter(root, name="a", tags={"b": "2"})
    untag_parameter(root, name="a", tag_keys=["a"])
    assert describe_parameter(root, name="a").tags == {"b": "2"}
