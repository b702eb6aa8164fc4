"""Logging: one readable line per record on standard error; the supervisor prefixes, keeps and rotates them.

Called by: `console.settings`, `console.celery`.
"""

from __future__ import annotations

import logging
import re
from typing import Any

# The last line of defence: code does not log secrets, but an exception's text may quote a URL or a header.
_SECRETS = (
    (re.compile(r"(?P<keep>\w+://[^\s:/@]*:)[^\s@/]+(?=@)"), r"\g<keep>***"),
    (
        re.compile(r"(?i)(?P<keep>\b(?:authorization|cookie|x-amz-security-token)\b['\"]?\s*[:=]\s*)[^\n]+"),
        r"\g<keep>***",
    ),
    (
        re.compile(
            r"(?i)(?P<keep>\b(?:password|secret|secret_key|token)\b['\"]?\s*[:=]\s*['\"]?)[^\s'\",;&]+"
        ),
        r"\g<keep>***",
    ),
)


def redact(text: str) -> str:
    """`text` with passwords in URLs, authorization headers and `password=…`-like values replaced by `***`."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class RedactingFormatter(logging.Formatter):
    """Formats as usual (traceback included), then hides what looks like a secret."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configure(level: str) -> dict[str, Any]:
    """Django's LOGGING for a level name such as "INFO"."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": "console.conf.logs.RedactingFormatter",
                "format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s",
                "datefmt": "%H:%M:%S",
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # A 4xx is the answer, not an incident; denials have their own audit record.
            "django.request": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "ERROR"},
            "uvicorn.error": {"level": "WARNING"},
            "uvicorn.access": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "docker": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
        },
    }
