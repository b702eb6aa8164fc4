"""Secrets: versions and stages, deletion, permissions, and that no value is ever left anywhere."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from access.caller import Caller
from access.models import AuditRecord
from base.clock import frozen_by
from base.errors import AccessDenied, InvalidParameter, NotFound, OperationError, ServerError
from tests.db.vault.conftest import allow
from vault import jobs
from vault.models import Secret, SecretVersion
from vault.operations import (
    create_secret,
    delete_secret,
    put_secret_value,
    restore_secret,
    tag_secret,
    untag_secret,
    update_secret,
    update_secret_version_stage,
)
from vault.queries import describe_secret, get_secret_value, list_secret_version_ids, list_secrets

VALUE = "kaleidoscope-7731"
pytestmark = pytest.mark.django_db


def stages(row: Secret) -> dict[str, str]:
    return {stage.stage: stage.version.version_id for stage in row.stages.select_related("version")}


def test_a_secret_is_made_read_and_changed(root: Caller) -> None:
    row = create_secret(
        root, name="prod/db", secret_string=VALUE, description="The database", tags={"a": "b"}
    )
    assert row.arn.startswith("arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-")
    assert len(row.arn.rpartition("-")[2]) == 6
    first = get_secret_value(root, secret_id="prod/db")
    assert first.secret_string == VALUE and first.version_stages == ("AWSCURRENT",)
    second = put_secret_value(root, secret_id=row.arn, secret_string="two")
    assert stages(row) == {"AWSCURRENT": second.version_id, "AWSPREVIOUS": first.version_id}
    assert get_secret_value(root, secret_id=row.arn[:-7]).secret_string == "two"  # without its six letters
    assert get_secret_value(root, secret_id="prod/db", version_stage="AWSPREVIOUS").secret_string == VALUE
    assert get_secret_value(root, secret_id="prod/db", version_id=first.version_id).secret_string == VALUE
    update_secret(root, secret_id="prod/db", description="New", secret_string="three")
    assert describe_secret(root, secret_id="prod/db").description == "New"
    assert get_secret_value(root, secret_id="prod/db").secret_string == "three"
    assert stages(row)["AWSPREVIOUS"] == second.version_id
    assert list_secret_version_ids(root, secret_id="prod/db").count() == 2
    assert list_secret_version_ids(root, secret_id="prod/db", include_deprecated=True).count() == 3


def test_binary_values(root: Caller) -> None:
    raw = bytes(range(256))
    create_secret(root, name="blob", secret_binary=base64.b64encode(raw).decode())
    found = get_secret_value(root, secret_id="blob")
    assert found.secret_string is None
    assert base64.b64decode(found.secret_binary or "") == raw


def test_a_repeat_with_the_same_token_is_the_same_version(root: Caller) -> None:
    token = "a" * 32
    create_secret(root, name="x", secret_string="one", client_request_token=token)
    again = put_secret_value(root, secret_id="x", secret_string="one", client_request_token=token)
    assert again.version_id == token and SecretVersion.objects.count() == 1
    with pytest.raises(OperationError) as refused:
        put_secret_value(root, secret_id="x", secret_string="two", client_request_token=token)
    assert refused.value.code == "ResourceExistsException"
    assert get_secret_value(root, secret_id="x").secret_string == "one"


def test_stages_are_moved_by_who_knows_where_they_are(root: Caller) -> None:
    row = create_secret(root, name="x", secret_string="one")
    one = get_secret_value(root, secret_id="x").version_id
    two = put_secret_value(root, secret_id="x", secret_string="two", version_stages=["AWSPENDING"]).version_id
    assert stages(row) == {"AWSCURRENT": one, "AWSPENDING": two}
    with pytest.raises(OperationError, match="name that one in removeFromVersionId"):
        update_secret_version_stage(root, secret_id="x", version_stage="AWSCURRENT", move_to_version_id=two)
    with pytest.raises(OperationError, match="cannot be taken away"):
        update_secret_version_stage(
            root, secret_id="x", version_stage="AWSCURRENT", remove_from_version_id=one
        )
    update_secret_version_stage(
        root,
        secret_id="x",
        version_stage="AWSCURRENT",
        move_to_version_id=two,
        remove_from_version_id=one,
    )
    assert stages(row) == {"AWSCURRENT": two, "AWSPENDING": two, "AWSPREVIOUS": one}
    update_secret_version_stage(root, secret_id="x", version_stage="AWSPENDING", remove_from_version_id=two)
    assert stages(row) == {"AWSCURRENT": two, "AWSPREVIOUS": one}


def test_a_deleted_secret_can_be_restored_until_its_window_ends(root: Caller) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    with frozen_by(lambda: now):
        create_secret(root, name="x", secret_string=VALUE)
        gone = delete_secret(root, secret_id="x", recovery_window_in_days=7)
        assert gone.deletion_date == now + timedelta(days=7)
        for refused in (
            lambda: get_secret_value(root, secret_id="x"),
            lambda: put_secret_value(root, secret_id="x", secret_string="y"),
            lambda: create_secret(root, name="x", secret_string="y"),
        ):
            with pytest.raises(OperationError) as error:
                refused()
            assert error.value.code == "InvalidRequestException"
        assert list_secrets(root).count() == 0
        assert list_secrets(root, include_planned_deletion=True).count() == 1
        assert jobs.purge() == 0
        restore_secret(root, secret_id="x")
        assert get_secret_value(root, secret_id="x").secret_string == VALUE
        delete_secret(root, secret_id="x", recovery_window_in_days=7)
    with frozen_by(lambda: now + timedelta(days=7)):
        assert jobs.purge() == 1
    with pytest.raises(NotFound):
        describe_secret(root, secret_id="x")
    assert SecretVersion.objects.count() == 0


def test_a_deletion_without_recovery_is_at_once_and_the_name_is_free(root: Caller) -> None:
    first = create_secret(root, name="x", secret_string=VALUE)
    delete_secret(root, secret_id="x", force_delete_without_recovery=True)
    assert create_secret(root, name="x", secret_string="new").arn != first.arn
    with pytest.raises(NotFound):  # the old ARN is not the new secret
        get_secret_value(root, secret_id=first.arn)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "no spaces"}, "name"),
        ({"name": "x", "secret_string": ""}, "secretString"),
        ({"name": "x", "secret_string": "y" * 65537}, "secretString"),
        ({"name": "x", "secret_binary": "!!"}, "secretBinary"),
        ({"name": "x", "secret_binary": "eA==", "secret_string": "x"}, "secretBinary"),
        ({"name": "x", "secret_string": "x", "client_request_token": "short"}, "clientRequestToken"),
        ({"name": "x", "kms_key_id": "alias/mine"}, "kmsKeyId"),
        ({"name": "x", "tags": {"aws:no": "x"}}, "tags.aws:no"),
    ],
)
def test_what_is_wrong_is_named(root: Caller, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        create_secret(root, **given)
    assert field in refused.value.fields
    assert Secret.objects.count() == 0


@pytest.mark.parametrize("days", [6, 31, True, "7"])
def test_the_recovery_window(root: Caller, days: Any) -> None:
    create_secret(root, name="x")
    with pytest.raises(InvalidParameter):
        delete_secret(root, secret_id="x", recovery_window_in_days=days)


def test_at_most_a_hundred_versions_are_kept_and_never_one_in_use(root: Caller) -> None:
    row = create_secret(root, name="x", secret_string="first")
    kept = get_secret_value(root, secret_id="x").version_id
    for number in range(105):
        put_secret_value(root, secret_id="x", secret_string=str(number), version_stages=[f"S{number % 3}"])
    assert row.versions.count() == 100
    assert get_secret_value(root, secret_id="x").version_id == kept


def test_permissions_by_arn_by_tag_and_by_stage(root: Caller, caller_with: Callable[..., Caller]) -> None:
    shop = create_secret(root, name="shop/db", secret_string="shop", tags={"team": "shop"})
    create_secret(root, name="bank/db", secret_string="bank", tags={"team": "bank"})
    by_arn = caller_with(
        allow("secretsmanager:GetSecretValue", resource="arn:aws:secretsmanager:*:*:secret:shop/*")
    )
    by_tag = caller_with(
        allow("secretsmanager:GetSecretValue", StringEquals={"secretsmanager:ResourceTag/team": "shop"})
    )
    by_stage = caller_with(
        allow("secretsmanager:GetSecretValue", StringEquals={"secretsmanager:VersionStage": "AWSCURRENT"})
    )
    for caller in (by_arn, by_tag):
        assert get_secret_value(caller, secret_id="shop/db").secret_string == "shop"
        with pytest.raises(AccessDenied):
            get_secret_value(caller, secret_id="bank/db")
    put_secret_value(root, secret_id="shop/db", secret_string="shop2")
    assert get_secret_value(by_stage, secret_id="shop/db").secret_string == "shop2"
    with pytest.raises(AccessDenied):
        get_secret_value(by_stage, secret_id="shop/db", version_stage="AWSPREVIOUS")
    for wanted in ("bank/db", "nowhere"):  # not there and not allowed sound alike
        with pytest.raises(AccessDenied):
            get_secret_value(by_arn, secret_id=wanted)
    denied = AuditRecord.objects.filter(result="denied").first()
    assert denied is not None and denied.action == "secretsmanager:GetSecretValue"
    record = AuditRecord.objects.filter(result="success", action="secretsmanager:GetSecretValue").first()
    assert record is not None and record.resource == shop.arn


def test_describing_does_not_mean_reading(root: Caller, caller_with: Callable[..., Caller]) -> None:
    create_secret(root, name="x", secret_string=VALUE)
    looker = caller_with(allow("secretsmanager:Describe*", "secretsmanager:List*"))
    assert [row.name for row in list_secrets(looker)] == ["x"]
    with pytest.raises(AccessDenied):
        get_secret_value(looker, secret_id="x")


def test_a_list_shows_what_may_be_described(root: Caller, caller_with: Callable[..., Caller]) -> None:
    for name in ("shop/a", "shop/b", "bank/a"):
        create_secret(root, name=name)
    caller = caller_with(
        allow("secretsmanager:ListSecrets"),
        allow("secretsmanager:DescribeSecret", resource="arn:aws:secretsmanager:*:*:secret:shop/*"),
    )
    assert [row.name for row in list_secrets(caller)] == ["shop/a", "shop/b"]


def test_creating_is_allowed_by_tags(root: Caller, caller_with: Callable[..., Caller]) -> None:
    caller = caller_with(allow("secretsmanager:CreateSecret", StringEquals={"aws:RequestTag/team": "shop"}))
    create_secret(caller, name="x", tags={"team": "shop"})
    with pytest.raises(AccessDenied):
        create_secret(caller, name="y", tags={"team": "bank"})
    assert Secret.objects.count() == 1


def test_tags(root: Caller) -> None:
    row = create_secret(root, name="x", tags={"a": "1"})
    tag_secret(root, secret_id="x", tags={"b": "2"})
    untag_secret(root, secret_id="x", tag_keys=["a"])
    row.refresh_from_db()
    assert row.tags == {"b": "2"}


def dump() -> str:
    """Everything the database holds, as text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            found.append(json.dumps(cursor.fetchall(), default=str))
    return "\n".join(found)


def test_no_value_is_left_anywhere(root: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    create_secret(root, name="x", secret_string=VALUE)
    put_secret_value(root, secret_id="x", secret_string=VALUE + "-2")
    update_secret(root, secret_id="x", secret_string=VALUE + "-3")
    found = get_secret_value(root, secret_id="x")
    assert VALUE not in repr(found) and found.secret_string == VALUE + "-3"
    with pytest.raises(OperationError) as refused:
        put_secret_value(root, secret_id="x", secret_string=VALUE + "z" * 65536)
    assert VALUE not in str(refused.value)
    held = dump()
    assert "secretsmanager:PutSecretValue" in held  # the trail is in it
    assert VALUE not in held and base64.b64encode(VALUE.encode()).decode() not in held
    assert VALUE not in caplog.text


def test_a_value_moved_to_another_row_does_not_open(root: Caller) -> None:
    create_secret(root, name="mine", secret_string="mine")
    create_secret(root, name="theirs", secret_string="theirs")
    stolen = SecretVersion.objects.get(secret__name="theirs").sealed
    SecretVersion.objects.filter(secret__name="mine").update(sealed=stolen)
    with pytest.raises(ServerError, match="cannot be decrypted"):
        get_secret_value(root, secret_id="mine")


def test_reads_are_counted_in_queries(root: Caller, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        create_secret(root, name=f"s{number}", secret_string="x")
    with django_assert_max_num_queries(3):
        for row in list_secrets(root):
            assert [str(stage) for version in row.versions.all() for stage in version.stages.all()]
