"""Checking what a cluster is configured with. AWS form in, AWS form out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from base.errors import invalid, invalid_fields, unsupported
from clusters.account_settings import VALUES

INSIGHTS = "containerInsights"
LOGGING = ("NONE", "DEFAULT", "OVERRIDE")
_GROUP = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_EXEC = "configuration.executeCommandConfiguration"


def cluster_configuration(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """`executeCommandConfiguration`: whether transcripts of ExecuteCommand are kept, and under which log group. NONE
    keeps none; DEFAULT, which an absent `logging` means, under that of the container; OVERRIDE under the one named."""
    found = _object(given, "configuration", {"executeCommandConfiguration", "managedStorageConfiguration"})
    if found.get("managedStorageConfiguration"):
        raise unsupported("configuration.managedStorageConfiguration")
    if found.get("executeCommandConfiguration") is None:
        return {}
    return {"executeCommandConfiguration": _execute_command(found["executeCommandConfiguration"])}


def check_settings(given: Any) -> None:
    """Settings of a cluster, AWS form: `[{"name": "containerInsights", "value": "disabled"}]`. As of the account, the
    one value that is so is taken and any other refused by name: nothing is there to be stored."""
    if given is None:
        return
    if not isinstance(given, list | tuple):
        raise invalid("settings", "a list of settings")
    for number, one in enumerate(given):
        found = _object(one, f"settings[{number}]", {"name", "value"})
        if found.get("name") != INSIGHTS:
            raise invalid(f"settings[{number}].name", INSIGHTS)
        if found.get("value") not in ("enabled", "enhanced", VALUES[INSIGHTS]):
            raise invalid(f"settings[{number}].value", "enabled, enhanced or disabled")
        if found["value"] != VALUES[INSIGHTS]:
            raise unsupported(f"{INSIGHTS} {found['value']}", f"It is always {VALUES[INSIGHTS]} here.")


def _execute_command(given: Any) -> dict[str, Any]:
    found = _object(given, _EXEC, {"kmsKeyId", "logging", "logConfiguration"})
    if found.get("kmsKeyId"):
        raise unsupported(f"{_EXEC}.kmsKeyId", "The connection is as private as the console's own: use TLS.")
    logging = found.get("logging") or "DEFAULT"
    if logging not in LOGGING:
        raise invalid(f"{_EXEC}.logging", "NONE, DEFAULT or OVERRIDE")
    where = f"{_EXEC}.logConfiguration"
    if logging != "OVERRIDE":
        if found.get("logConfiguration"):
            raise invalid(where, "only with logging OVERRIDE")
        return {"logging": logging}
    members = ("cloudWatchEncryptionEnabled", "s3BucketName", "s3EncryptionEnabled", "s3KeyPrefix")
    log = _object(found.get("logConfiguration"), where, {"cloudWatchLogGroupName", *members})
    refused = {
        f"{where}.{name}": "not supported: transcripts are kept by Slipway"
        for name in members
        if log.get(name)
    }
    if refused:
        raise invalid_fields(refused)
    group = log.get("cloudWatchLogGroupName")
    if not isinstance(group, str) or not _GROUP.fullmatch(group):
        raise invalid(
            f"{where}.cloudWatchLogGroupName",
            "required with OVERRIDE: 1 to 512 letters, digits and . - _ / #",
        )
    return {"logging": logging, "logConfiguration": {"cloudWatchLogGroupName": group}}


def _object(value: Any, where: str, members: set[str]) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise invalid(where, "must be an object")
    for name in value or {}:
        if name not in members:
            raise invalid(f"{where}.{name}", "there is no such member")
    return value or {}
