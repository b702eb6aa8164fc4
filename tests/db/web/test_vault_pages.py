"""Pages of secrets and parameters: values only in the answer to a POST, only for who may read them, and recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from access.models import AuditRecord
from access.registry import system_caller
from vault.models import Parameter, Secret, SecretStage, SecretVersion
from vault.operations import create_secret, put_secret_value
from vault.parameter_operations import put_parameter
from vault.parameter_queries import get_parameter
from vault.queries import get_secret_value
from vault.rotation_models import SecretRotation

VALUE = "kaleidoscope-7731"
US = system_caller("test")


@pytest.fixture
def kept(db: None, jobs: list[Any]) -> None:
    create_secret(US, name="shop/db", secret_string=VALUE, description="The database", tags={"team": "shop"})
    put_parameter(US, name="/shop/key", value=VALUE, type="SecureString")


def test_lists_show_names_and_never_values(kept: None, reader: Any) -> None:
    rita = reader("read-only")
    assert "shop/db" in rita.text("/secrets/") and VALUE not in rita.text("/secrets/")
    assert "/shop/key" in rita.text("/parameters/") and VALUE not in rita.text("/parameters/")
    assert "No secret matches" in rita.text("/secrets/?q=zebra")
    assert "No parameter matches" in rita.text("/parameters/?state=String")


@pytest.mark.parametrize("path", ["/secrets/shop/db/", "/parameters/shop/key/"])
def test_a_value_is_shown_to_who_asks_and_may(kept: None, reader: Any, path: str) -> None:
    root, rita = reader("administrator"), reader("read-only")
    assert VALUE not in root.text(path)
    shown = root.client.post(path)
    assert VALUE in shown.content.decode() and "no-store" in shown["Cache-Control"]
    record = AuditRecord.objects.latest("id")
    assert record.action in ("secretsmanager:GetSecretValue", "ssm:GetParameter")
    assert (record.result, record.actor_name) == ("success", root.user.username)
    page = rita.text(path)
    assert VALUE not in page and "You need the permission" in page
    refused = rita.client.post(path)
    assert refused.status_code == 403 and VALUE not in refused.content.decode()
    assert AuditRecord.objects.latest("id").result == "denied"


def test_a_secret_s_life(db: None, jobs: list[Any], reader: Any) -> None:
    root = reader("administrator")
    assert "No secrets yet" in root.text("/secrets/")
    root.text("/create-secret/")
    wrong = root.post("/create-secret/", status=400, name="no spaces", secret_string=VALUE)
    assert "1 to 512 letters" in wrong
    assert root.post("/create-secret/", name="a/b", secret_string=VALUE, tags="team=shop") == "/secrets/a/b/"
    assert root.post("/put-secret/a/b/", secret_string="  two \n") == "/secrets/a/b/"
    assert get_secret_value(US, secret_id="a/b").secret_string == "  two \n"
    text = root.text("/secrets/a/b/")
    assert "AWSCURRENT" in text and "AWSPREVIOUS" in text
    root.post("/delete-secret/a/b/")
    assert "marked for deletion" in root.text("/secrets/a/b/")
    assert "can&#x27;t perform this operation" in root.client.post("/secrets/a/b/").content.decode()
    root.post("/restore-secret/a/b/")
    assert Secret.objects.get().deleted_at is None


def test_a_parameter_s_life(db: None, jobs: list[Any], reader: Any) -> None:
    root = reader("administrator")
    assert "No parameters yet" in root.text("/parameters/")
    given = {"name": "/shop/level", "type": "String", "tier": "Standard", "value": "info"}
    wrong = root.post("/create-parameter/", status=400, **{**given, "allowed_pattern": "^[0-9]+$"})
    assert "does not match the allowed pattern" in wrong
    assert root.post("/create-parameter/", **given) == "/parameters/shop/level/"
    root.post("/put-parameter/shop/level/", value="debug")
    assert get_parameter(US, name="/shop/level").value == "debug"
    assert root.post("/delete-parameter/shop/level/") == "/parameters/"
    assert not Parameter.objects.exists()


def test_queries_do_not_grow_with_the_rows(kept: None, reader: Any) -> None:
    root = reader("administrator")
    before = root.queries("/secrets/"), root.queries("/parameters/")
    for number in range(20):
        create_secret(US, name=f"s{number}", secret_string="x")
        put_parameter(US, name=f"p{number}", value="x", type="String")
    assert (root.queries("/secrets/"), root.queries("/parameters/")) == before


def test_the_trail_names_a_secret_and_leads_to_it(kept: None, reader: Any) -> None:
    row, text = Secret.objects.get(), reader("administrator").text("/audit/")
    assert (
        AuditRecord.objects.get(operation="create_secret").resource == row.arn
    )  # not the pattern that was asked for
    assert (
        '<a href="/secrets/shop/db/">shop/db</a>' in text
        and '<a href="/parameters/shop/key/">shop/key</a>' in text
    )


def _stages() -> dict[str, str]:
    """Stage -> the value it points to."""
    return {
        one.stage: one.version.value().decode()
        for one in SecretStage.objects.select_related("version__secret")
    }


def test_an_earlier_version_is_made_current_again_and_stages_move(kept: None, reader: Any) -> None:
    root = reader("administrator")
    put_secret_value(US, secret_id="shop/db", secret_string="second")
    first = SecretVersion.objects.earliest("created_at").version_id
    text = root.text("/secrets/shop/db/")
    assert text.count("Make current") == 1 and first[:8] in text
    root.post("/move-secret-stage/shop/db/", stage="AWSCURRENT", to=first)
    assert _stages() == {"AWSCURRENT": VALUE, "AWSPREVIOUS": "second"}
    root.post("/move-secret-stage/shop/db/", stage="LIVE", to=first)
    root.post(
        "/move-secret-stage/shop/db/", stage="LIVE", to=SecretVersion.objects.latest("created_at").version_id
    )
    assert _stages()["LIVE"] == "second"
    root.post("/move-secret-stage/shop/db/", stage="LIVE", to="")
    assert "LIVE" not in _stages()
    before = _stages()
    root.post(
        "/move-secret-stage/shop/db/", stage="AWSCURRENT", to=""
    )  # refused: a secret has a current version
    assert _stages() == before
    assert 'class="toast-card bad"' in root.text("/secrets/shop/db/")


def test_a_rotation_is_set_changed_begun_and_ended(kept: None, reader: Any) -> None:
    root, rita = reader("administrator"), reader("read-only")
    assert "Nothing rotates it." in root.text("/secrets/shop/db/")
    page = "/rotate-secret/shop/db/"
    assert "is required" in root.post(page, 400, every_days="30")
    assert "http:// or https://" in root.post(page, 400, rotation_hook="ftp://127.0.0.1/hook")
    hook = "https://127.0.0.1:9/hook?key=kaleidoscope"
    root.post(page, rotation_hook=hook, every_days="30")
    row = SecretRotation.objects.get()
    assert (row.every_days, row.token, row.hook_host) == (30, "", "127.0.0.1:9")
    text = root.text("/secrets/shop/db/") + root.text(page)
    assert "every 30 days" in text and "127.0.0.1:9" in text and "kaleidoscope" not in text.replace(VALUE, "")
    root.post(page, every_days="")  # the hook stays
    root.post("/rotate-secret-now/shop/db/")
    row.refresh_from_db()
    assert row.every_days is None and row.step == "createSecret"
    assert "under way" in root.text("/secrets/shop/db/")
    root.post("/stop-rotating-secret/shop/db/")
    row.refresh_from_db()
    assert not row.enabled and not row.token
    text = rita.text("/secrets/shop/db/")
    assert "secretsmanager:RotateSecret" in text and "secretsmanager:TagResource" in text


def test_a_secret_s_own_policy_is_written_in_the_editor(kept: None, reader: Any) -> None:
    root = reader("administrator")
    page = "/secret-policy/shop/db/"
    assert "TasksOfOneRole" in root.text(page)
    everybody = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
    document = {"Version": "2012-10-17", "Statement": [everybody]}
    assert "allows everybody" in root.post(page, 400, document=json.dumps(document), do="save")
    wrong = {"Version": "2012-10-17", "Statement": [{**everybody, "Principal": {"AWS": "ana"}}]}
    assert "Statement[0].Principal" in root.post(page, 400, document=json.dumps(wrong), do="save")
    assert Secret.objects.get().policy is None
    everybody["Principal"] = {"AWS": "arn:aws:iam::123456789012:role/ecs-execution"}
    root.post(page, document=json.dumps(document), do="save")
    assert Secret.objects.get().policy == document
    assert "role/ecs-execution" in root.text("/secrets/shop/db/") and "role/ecs-execution" in root.text(page)
    root.post("/delete-secret-policy/shop/db/")
    assert Secret.objects.get().policy is None


def test_a_secret_is_deleted_for_good_only_where_that_was_chosen(kept: None, reader: Any) -> None:
    root = reader("administrator")
    root.post("/delete-secret/shop/db/", days="7")
    row = Secret.objects.get()
    assert (row.purge_at - row.deleted_at).days == 7
    root.post("/restore-secret/shop/db/")
    root.post("/delete-secret/shop/db/", days="soon")  # no number of days: refused
    assert Secret.objects.get().deleted_at is None
    assert root.post("/delete-secret/shop/db/", days="0") == "/secrets/"
    assert not Secret.objects.exists()


def test_parameters_take_labels_tags_and_descriptions(kept: None, reader: Any) -> None:
    root = reader("administrator")
    root.post("/put-parameter/shop/key/", value="second", description="Of the shop")
    root.post("/label-parameter/shop/key/", label="live", version="1")
    assert get_parameter(US, name="/shop/key:live", with_decryption=True).value == VALUE
    root.post("/label-parameter/shop/key/", label="1st", version="1")  # refused
    page = f"/edit-tags/?arn={Parameter.objects.get().arn}"
    assert root.post(page, tags="team=shop") == "/parameters/shop/key/"
    row = Parameter.objects.get()
    assert (row.tags, row.description, row.version) == ({"team": "shop"}, "Of the shop", 2)
    assert [one.labels for one in row.versions.order_by("version")] == [["live"], []]
    secret = Secret.objects.get()
    assert root.post(f"/edit-tags/?arn={secret.arn}", tags="") == "/secrets/shop/db/"
    root.post("/edit-secret/shop/db/", description="All of it")
    secret.refresh_from_db()
    assert (secret.tags, secret.description) == ({}, "All of it")
