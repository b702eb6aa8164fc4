"""Encryption at rest for the few values that must be kept secret (engine client keys, later the vault).

Fernet (AES-128-CBC with HMAC-SHA256) from `cryptography`, under the installation's data key. Several keys may
be given: the first encrypts, all decrypt, so that keys can be rotated.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


@lru_cache(maxsize=1)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    return _fernet(tuple(settings.SLIPWAY_DATA_KEYS)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    return _fernet(tuple(settings.SLIPWAY_DATA_KEYS)).decrypt(token.encode()).decode()
