"""Clients of the AWS face: boto3's, over a socket or straight into the application of this process."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from access.registry import call, system_caller
from console.aws.application import respond
from console.aws.protocols import Answer
from console.aws.request import WireRequest

ENDPOINT = "http://slipway.test"
ONCE = Config(retries={"total_max_attempts": 1}, parameter_validation=False, tcp_keepalive=False)


def keys_of(username: str, *statements: dict[str, Any], groups: tuple[str, ...] = ()) -> tuple[str, str]:
    """A new user's access key and secret; the user may do what `statements` and `groups` allow."""
    me = system_caller("tests")
    call("create_user", me, username=username, groups=list(groups))
    if statements:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        call("put_user_policy", me, username=username, policy_name="own", document=document)
    issued = call("create_access_key", me, username=username)
    return issued.key.key_id, issued.secret


def client(service: str, keys: tuple[str, ...], endpoint: str = "", **more: Any) -> Any:
    """boto3's client of a service, without retries and without checks of its own. Without an endpoint its requests
    are answered in this process, by the same function that answers those from the network."""
    session = boto3.Session(*keys, region_name=more.pop("region", "us-east-1"))
    made = session.client(service, endpoint_url=endpoint or ENDPOINT, config=more.pop("config", ONCE))
    if not endpoint:
        made.meta.events.register("before-send", _answered_here)
    return made


def _answered_here(request: Any, **_: Any) -> AWSResponse:
    found = send(request.method, request.url, dict(request.headers), request.body or b"")
    headers = {"x-amzn-requestid": "r", "content-type": found.content_type, **dict(found.headers)}
    return AWSResponse(request.url, found.status, headers, _Raw(found.body))


def send(method: str, url: str, headers: dict[str, Any], body: bytes) -> Answer:
    parts = urlsplit(url)
    sent = {"host": parts.netloc, **headers}
    scope = {
        "method": method,
        "path": parts.path or "/",
        "raw_path": (parts.path or "/").encode(),
        "query_string": parts.query.encode(),
        "headers": [(name.lower().encode(), _bytes(value)) for name, value in sent.items()],
    }
    body = body.encode() if isinstance(body, str) else body
    return respond(
        WireRequest.of_scope(scope, body, source_ip="127.0.0.1", secure=False, request_id=str(uuid.uuid4()))
    )


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


class _Raw:
    """What botocore reads an answer's body from."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.body

    def read(self, *_: Any, **__: Any) -> bytes:
        found, self.body = self.body, b""
        return found
