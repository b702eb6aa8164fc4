"""What valueFrom refers to. Cases from the ECS developer guide's examples."""

from __future__ import annotations

import pytest

from services.taskdef.value_from import NotAReference, Reference, parse

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:appauthexample-AbCdEf"
PARAMETER = "arn:aws:ssm:us-east-1:123456789012:parameter/app/db"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SECRET, Reference("secret", SECRET)),
        (f"{SECRET}:username1::", Reference("secret", SECRET, json_key="username1")),
        (f"{SECRET}::AWSPREVIOUS:", Reference("secret", SECRET, stage="AWSPREVIOUS")),
        (f"{SECRET}:::9d4cb84b-ad69", Reference("secret", SECRET, version_id="9d4cb84b-ad69")),
        (f"{SECRET}:k::9d4cb84b-ad69", Reference("secret", SECRET, "k", "", "9d4cb84b-ad69")),
        (f"{SECRET}:k:AWSCURRENT:", Reference("secret", SECRET, "k", "AWSCURRENT")),
        (f"{SECRET}:::", Reference("secret", SECRET)),
        (PARAMETER, Reference("parameter", PARAMETER)),
        (f"{PARAMETER}:3", Reference("parameter", f"{PARAMETER}:3")),
        ("/app/db", Reference("parameter", "/app/db")),
        ("db_password", Reference("parameter", "db_password")),
        ("/app/db:live", Reference("parameter", "/app/db:live")),
    ],
)
def test_references(text: str, expected: Reference) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "/app//db",
        "arn:",
        "arn:aws:s3:::bucket",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:",
        "arn:aws:secretsmanager:us-east-1:123456789012:other:x",
        f"{SECRET}:key",
        f"{SECRET}:key:AWSCURRENT",
        f"{SECRET}:key:AWSCURRENT:1:2",
        f"{SECRET}::AWSCURRENT:0123",
        "arn:aws:ssm:us-east-1:123456789012:parameter/",
        "arn:aws:ssm:us-east-1:123456789012:document/x",
    ],
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(NotAReference):
        parse(text)
