"""Encryption at rest, under the installation's keys.

The keys are 32 bytes each, in base64, one a line: the first encrypts, all decrypt, so that they can be rotated. They
come from SLIPWAY_DATA_KEYS or from the file that the installation made for itself; the file is read again when it
changes, so that a rotation needs no restart.

Two forms. `encrypt`/`decrypt`: a Fernet token (AES-128-CBC with HMAC-SHA256), for single columns such as an engine's
client key. `seal`/`unseal`: an envelope, for the vault. A data key of its own for every value (AES-256-GCM), wrapped
by a key derived from the installation's; the value is bound to what it belongs to (`about`), so that a ciphertext moved
to another row does not open; and a rotation wraps the data key anew without touching the value.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_FORM = "s1"  # of a sealed value: s1.<key id>.<wrapped data key>.<ciphertext>
_NONCE = 12  # bytes, as GCM wants them


class CipherError(Exception):
    """It does not open: another key, another place, or a changed byte. Never tells what was inside."""


# ---- the keys ----------------------------------------------------------------------------------


def keys() -> tuple[str, ...]:
    """The installation's keys, the one that encrypts first."""
    path: Path | None = getattr(settings, "SLIPWAY_DATA_KEYS_FILE", None)
    if path is None:
        return tuple(settings.SLIPWAY_DATA_KEYS)
    try:
        found = path.stat()
    except FileNotFoundError:
        return tuple(settings.SLIPWAY_DATA_KEYS)
    return _read(path, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int, _file: int) -> tuple[str, ...]:
    return tuple(path.read_text(encoding="ascii").split())


@lru_cache(maxsize=32)
def key_id(key: str) -> str:
    """Names a key without telling anything of it: 16 hex digits."""
    return hashlib.sha256(b"slipway key id:" + _raw(key)).hexdigest()[:16]


def _raw(key: str) -> bytes:
    return base64.urlsafe_b64decode(key)


@lru_cache(maxsize=32)
def _wrapper(key: str) -> AESGCM:
    """The key that wraps data keys: not the one Fernet uses, so that the two forms share nothing."""
    return AESGCM(hashlib.sha256(b"slipway vault wrapping key:" + _raw(key)).digest())


def add_key(path: Path) -> str:
    """Put a new key before those in the file; what was encrypted before still opens. Answers the new key's id."""
    new = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")
    _write_keys(path, [new, *path.read_text(encoding="ascii").split()])
    return key_id(new)


def keep_first_key(path: Path) -> int:
    """Forget every key but the first; answers how many were forgotten. Only when nothing needs them any more."""
    present = path.read_text(encoding="ascii").split()
    _write_keys(path, present[:1])
    return len(present) - 1


def _write_keys(path: Path, content: list[str]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("\n".join(content) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)  # at once: no process ever reads half of it


# ---- single columns ----------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _fernet(present: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in present])


def encrypt(text: str) -> str:
    return _fernet(keys()).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    return _fernet(keys()).decrypt(token.encode()).decode()


def renewed(token: str) -> str:
    """The token under the first key; itself where it is already. Raises CipherError."""
    try:
        Fernet(keys()[0]).decrypt(token.encode())
    except InvalidToken:
        try:
            return _fernet(keys()).rotate(token.encode()).decode()
        except InvalidToken as error:
            raise CipherError("the token opens under none of the installation's keys") from error
    return token


_columns: dict[tuple[str, str], None] = {}


def keeps_encrypted(model: str, field: str) -> None:
    """Tell, in an app's ready(), of a column that holds `encrypt`'s tokens ("clusters.ContainerInstance",
    "tls_key"), so that a rotation of the keys renews it. Empty texts are left alone."""
    _columns[model, field] = None


def encrypted_columns() -> tuple[tuple[str, str], ...]:
    return tuple(_columns)


# ---- envelopes ---------------------------------------------------------------------------------


def seal(value: bytes, about: str) -> str:
    """Encrypt `value`, bound to `about` (an ARN and a version): the same must be given to open it."""
    data_key = AESGCM.generate_key(bit_length=256)
    return _joined(_wrapped(data_key, about), _locked(AESGCM(data_key), value, about))


def unseal(sealed: str, about: str) -> bytes:
    """Raises CipherError where it does not open."""
    owner, wrapped, ciphertext = _parts(sealed)
    data_key = _unwrapped(owner, wrapped, about)
    return _opened(AESGCM(data_key), ciphertext, about)


def rewrapped(sealed: str, about: str) -> str:
    """The same value with its data key under the first key. Raises CipherError."""
    owner, wrapped, ciphertext = _parts(sealed)
    if owner == key_id(keys()[0]):
        return sealed
    return _joined(_wrapped(_unwrapped(owner, wrapped, about), about), ciphertext)


def sealed_under(sealed: str) -> str:
    """The id of the key that a sealed value needs."""
    return _parts(sealed)[0]


def _wrapped(data_key: bytes, about: str) -> tuple[str, bytes]:
    first = keys()[0]
    return key_id(first), _locked(_wrapper(first), data_key, f"key|{about}")


def _unwrapped(owner: str, wrapped: bytes, about: str) -> bytes:
    for key in keys():
        if key_id(key) == owner:
            return _opened(_wrapper(key), wrapped, f"key|{about}")
    raise CipherError(f"the installation does not have the key {owner}")


def _locked(cipher: AESGCM, value: bytes, about: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + cipher.encrypt(nonce, value, about.encode())


def _opened(cipher: AESGCM, locked: bytes, about: str) -> bytes:
    try:
        return cipher.decrypt(locked[:_NONCE], locked[_NONCE:], about.encode())
    except (InvalidTag, ValueError):
        raise CipherError("it was changed, moved from another place, or belongs to another key") from None


def _joined(wrapped: tuple[str, bytes], ciphertext: bytes) -> str:
    return ".".join((_FORM, wrapped[0], _text(wrapped[1]), _text(ciphertext)))


def _parts(sealed: str) -> tuple[str, bytes, bytes]:
    parts = sealed.split(".")
    if len(parts) != 4 or parts[0] != _FORM:
        raise CipherError("it is not a sealed value")
    read: Callable[[str], bytes] = base64.urlsafe_b64decode
    try:
        return parts[1], read(parts[2]), read(parts[3])
    except ValueError:
        raise CipherError("it is not a sealed value") from None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii")
