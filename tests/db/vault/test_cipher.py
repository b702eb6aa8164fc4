"""Envelopes: what is sealed opens in its own place only, and survives a rotation of the keys."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import Any

import pytest

from base import cipher


def new_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def key_file(tmp_path: Path, settings: Any) -> Path:
    path = tmp_path / "data_keys"
    path.write_text(new_key() + "\n")
    settings.SLIPWAY_DATA_KEYS_FILE = path
    return path


def test_a_value_opens_in_its_own_place_only(key_file: Path) -> None:
    sealed = cipher.seal(b"hunter2", "arn:one|1")
    assert cipher.unseal(sealed, "arn:one|1") == b"hunter2"
    assert "hunter2" not in sealed
    for elsewhere in ("arn:one|2", "arn:two|1", ""):
        with pytest.raises(cipher.CipherError):
            cipher.unseal(sealed, elsewhere)


def test_the_same_value_is_never_sealed_alike(key_file: Path) -> None:
    assert len({cipher.seal(b"same", "a") for _ in range(20)}) == 20


def test_every_changed_byte_is_noticed(key_file: Path) -> None:
    form, owner, wrapped, ciphertext = cipher.seal(b"hunter2", "a").split(".")
    for part in (wrapped, ciphertext):
        raw = bytearray(base64.urlsafe_b64decode(part))
        for index in range(len(raw)):
            raw[index] ^= 1
            changed = base64.urlsafe_b64encode(bytes(raw)).decode()
            raw[index] ^= 1
            parts = (form, owner, changed, ciphertext) if part is wrapped else (form, owner, wrapped, changed)
            with pytest.raises(cipher.CipherError):
                cipher.unseal(".".join(parts), "a")


def test_a_wrapped_key_of_another_value_does_not_fit(key_file: Path) -> None:
    one, other = cipher.seal(b"one", "a").split("."), cipher.seal(b"other", "a").split(".")
    with pytest.raises(cipher.CipherError):
        cipher.unseal(".".join((one[0], one[1], other[2], one[3])), "a")


@pytest.mark.parametrize("nonsense", ["", "s1", "s1.a.b", "s2.a.b.c", "s1.0000.!.!", "x" * 100])
def test_what_is_not_sealed_is_refused(key_file: Path, nonsense: str) -> None:
    with pytest.raises(cipher.CipherError):
        cipher.unseal(nonsense, "a")


def test_a_new_key_wraps_anew_and_the_value_stays(key_file: Path) -> None:
    before = cipher.seal(b"hunter2", "a")
    token = cipher.encrypt("client key")
    added = cipher.add_key(key_file)
    assert cipher.unseal(before, "a") == b"hunter2"
    after = cipher.rewrapped(before, "a")
    assert cipher.sealed_under(after) == added != cipher.sealed_under(before)
    assert after.split(".")[3] == before.split(".")[3]  # the value itself was not touched
    renewed = cipher.renewed(token)
    assert renewed != token
    assert cipher.keep_first_key(key_file) == 1
    assert cipher.unseal(after, "a") == b"hunter2"
    assert cipher.decrypt(renewed) == "client key"
    with pytest.raises(cipher.CipherError, match="does not have the key"):
        cipher.unseal(before, "a")
    with pytest.raises(cipher.CipherError):
        cipher.renewed(token)
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_renewing_under_the_first_key_changes_nothing(key_file: Path) -> None:
    sealed, token = cipher.seal(b"x", "a"), cipher.encrypt("x")
    assert cipher.rewrapped(sealed, "a") == sealed
    assert cipher.renewed(token) == token


def test_keys_of_the_environment_need_no_file(settings: Any) -> None:
    settings.SLIPWAY_DATA_KEYS_FILE = None
    settings.SLIPWAY_DATA_KEYS = [new_key()]
    assert cipher.unseal(cipher.seal(b"x", "a"), "a") == b"x"
