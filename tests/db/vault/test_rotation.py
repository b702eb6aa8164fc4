"""A rotation renews everything, can be interrupted, and forgets an old key only when nothing needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from access.caller import Caller
from base import cipher
from clusters.models import Cluster, ContainerInstance
from clusters.operations import ensure_defaults
from tests.db.vault.test_cipher import new_key
from vault import rotation
from vault.models import ParameterVersion, SecretVersion
from vault.operations import create_secret
from vault.parameter_operations import put_parameter
from vault.parameter_queries import get_parameter
from vault.queries import get_secret_value

pytestmark = pytest.mark.django_db


@pytest.fixture
def key_file(tmp_path: Path, settings: Any) -> Path:
    path = tmp_path / "data_keys"
    path.write_text(new_key() + "\n")
    settings.SLIPWAY_DATA_KEYS_FILE = path
    return path


@pytest.fixture
def kept(root: Caller, key_file: Path) -> None:
    for number in range(5):
        create_secret(root, name=f"s{number}", secret_string=f"secret {number}")
        put_parameter(root, name=f"p{number}", value=f"value {number}", type="SecureString")


def readable(root: Caller) -> None:
    for number in range(5):
        assert get_secret_value(root, secret_id=f"s{number}").secret_string == f"secret {number}"
        assert get_parameter(root, name=f"p{number}", with_decryption=True).value == f"value {number}"


def test_everything_is_under_the_new_key_and_the_old_one_can_go(
    root: Caller, kept: None, key_file: Path
) -> None:
    old = key_file.read_text()
    call_command("vault_rotate_key")
    assert len(key_file.read_text().split()) == 2
    readable(root)
    assert rotation.needing_old_keys() == 0
    call_command("vault_rotate_key", forget_old=True)
    assert old.strip() not in key_file.read_text()
    readable(root)


def test_an_interrupted_rotation_is_resumed(
    root: Caller, kept: None, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)

    def break_off(what: str, done: int) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    cipher.add_key(key_file)
    with pytest.raises(KeyboardInterrupt):
        rotation.renew_all(break_off)
    assert 0 < rotation.needing_old_keys() < 10
    readable(root)  # half under the old key, half under the new one
    call_command("vault_rotate_key", resume=True)
    assert rotation.needing_old_keys() == 0
    assert len(key_file.read_text().split()) == 2  # no third key


def test_single_columns_are_renewed_too(root: Caller, key_file: Path) -> None:
    ensure_defaults()
    instance = ContainerInstance.objects.create(
        id="1" * 32,
        cluster=Cluster.objects.get(name="default"),
        tls_key=cipher.encrypt("client key"),
        arn="arn:x",
    )
    call_command("vault_rotate_key")
    call_command("vault_rotate_key", forget_old=True)
    instance.refresh_from_db()
    assert cipher.decrypt(instance.tls_key) == "client key"


def test_keys_of_the_environment_are_not_ours_to_change(root: Caller, settings: Any) -> None:
    settings.SLIPWAY_DATA_KEYS_FILE = None
    with pytest.raises(CommandError, match="SLIPWAY_DATA_KEYS"):
        call_command("vault_rotate_key")


def test_an_environment_s_new_key_is_taken_up(
    root: Caller, kept: None, key_file: Path, settings: Any
) -> None:
    old = key_file.read_text().strip()
    settings.SLIPWAY_DATA_KEYS_FILE, settings.SLIPWAY_DATA_KEYS = None, [new_key(), old]
    readable(root)
    call_command("vault_rotate_key", resume=True)
    settings.SLIPWAY_DATA_KEYS = settings.SLIPWAY_DATA_KEYS[:1]
    readable(root)


def test_a_value_that_no_key_opens_stops_it(root: Caller, kept: None, key_file: Path) -> None:
    key_file.write_text(new_key() + "\n")
    with pytest.raises(CommandError, match="does not have the key"):
        call_command("vault_rotate_key")
    assert SecretVersion.objects.count() == 5 and ParameterVersion.objects.count() == 5


def test_every_encrypted_column_is_known_to_the_rotation(root: Caller) -> None:
    """Else forgetting the old key would lose it for good."""
    known = {(label.lower(), field) for label, field in cipher.encrypted_columns()}
    named = {
        (model._meta.label_lower, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.name.startswith("encrypted")
    }
    assert named and named <= known
    for label, field in cipher.encrypted_columns():
        apps.get_model(label)._meta.get_field(field)
