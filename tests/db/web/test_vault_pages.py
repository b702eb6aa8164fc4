"""Pages of secrets and parameters: values only in the answer to a POST, only for who may read them, and recorded."""

from __future__ import annotations

from typing import Any

import pytest

from access.models import AuditRecord
from access.registry import system_caller
from vault.models import Parameter, Secret
from vault.operations import create_secret
from vault.parameter_operations import put_parameter
from vault.parameter_queries import get_parameter
from vault.queries import get_secret_value

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
