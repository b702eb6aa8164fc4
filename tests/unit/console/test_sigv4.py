"""Signature Version 4 against the examples that AWS publishes (awslabs/aws-c-auth, tests/aws-sig-v4-test-suite, Apache
License 2.0; here in sigv4_suite.json), and against botocore's signer as a second witness."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from console.aws import sigv4
from console.aws.request import WireRequest

SUITE = json.loads(Path(__file__).with_name("sigv4_suite.json").read_text("utf-8"))
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEY = "AKIDEXAMPLE"
THEN = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)


def parse(text: str, authorization: str = "") -> WireRequest:
    """A request as the suite writes them: a head, an empty line, a body; folded header lines are indented."""
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    method, _, rest = first.partition(" ")
    target = rest.removesuffix(" HTTP/1.1")
    path, _, query = target.partition("?")
    headers: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        if line[:1] in (" ", "\t"):
            headers[name][-1] += "\n" + line
        else:
            name, _, value = line.partition(":")
            name = name.lower()
            headers.setdefault(name, []).append(value)
    if authorization:
        headers["authorization"] = [authorization]
    return WireRequest(method=method, path=path, query=query, headers=headers, body=body.encode())


@pytest.mark.parametrize("name", sorted(SUITE))
def test_published_examples(name: str) -> None:
    case = SUITE[name]
    request = parse(case["request"], case["authorization"])
    if token := [line for line in case["canonical"].splitlines() if line.startswith("x-amz-security-token:")]:
        request.headers["x-amz-security-token"] = [token[0].partition(":")[2]]  # type: ignore[index]
    what = sigv4.signed(request)
    canonical = sigv4.canonical_request(what, request, hashlib.sha256(request.body).hexdigest())
    assert canonical == case["canonical"]
    assert sigv4.string_to_sign(what, canonical) == case["toSign"]
    assert sigv4.signature(what, canonical, SECRET) == case["authorization"].rpartition("=")[2]
    sigv4.check_time(what, THEN)
    sigv4.check_signature(what, request, SECRET)
    with pytest.raises(sigv4.Wrong):
        sigv4.check_signature(what, request, SECRET + "x")


# ---- botocore ------------------------------------------------------------------------------------------


def signed_by_botocore(
    auth: type[SigV4Auth],
    *,
    method: str = "POST",
    url: str,
    body: bytes = b"",
    token: str | None = None,
    **more: Any,
) -> WireRequest:
    request = AWSRequest(method=method, url=url, data=body, headers={"X-Amz-Target": "T.Op"})
    auth(Credentials(KEY, SECRET, token), "ecs", "eu-west-3", **more).add_auth(request)
    parts = urlsplit(request.url)
    headers = {name.lower(): [str(value)] for name, value in request.headers.items()}
    headers.setdefault("host", [parts.netloc])
    return WireRequest(method=method, path=parts.path or "/", query=parts.query, headers=headers, body=body)


WORDS = st.text("abcXYZ019-_.~ /:=&%+é", max_size=12)


@given(
    body=st.binary(max_size=200),
    token=st.none() | st.text("abc/+=", min_size=1, max_size=20),
    segments=st.lists(st.text("abc09-_.~", min_size=1, max_size=6), max_size=3),
)
def test_botocores_headers(body: bytes, token: str | None, segments: list[str]) -> None:
    request = signed_by_botocore(
        SigV4Auth, url=f"http://h.test:8000/{'/'.join(segments)}", body=body, token=token
    )
    what = sigv4.signed(request)
    assert (what.service, what.region, what.key_id, what.token) == ("ecs", "eu-west-3", KEY, token or "")
    sigv4.check_time(what, datetime.now(UTC))
    sigv4.check_signature(what, request, SECRET)


@given(
    arguments=st.dictionaries(st.text("abcXYZ", min_size=1, max_size=5), WORDS, max_size=4),
    token=st.none() | st.text("abc/+=", min_size=1, max_size=20),
)
def test_botocores_presigned_queries(arguments: dict[str, str], token: str | None) -> None:
    from urllib.parse import quote

    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in arguments.items())
    request = signed_by_botocore(
        SigV4QueryAuth, method="GET", url=f"http://h.test/?{query}", token=token, expires=60
    )
    what = sigv4.signed(request)
    assert (what.expires, what.token) == (60, token or "")
    sigv4.check_time(what, datetime.now(UTC) + timedelta(seconds=30))
    sigv4.check_signature(what, request, SECRET)
    with pytest.raises(sigv4.Wrong, match="Signature expired"):
        sigv4.check_time(what, datetime.now(UTC) + timedelta(seconds=90))


# ---- what does not pass --------------------------------------------------------------------------------


def changed(request: WireRequest, **more: Any) -> WireRequest:
    return WireRequest(**{**request.__dict__, **more})


@pytest.fixture
def request_() -> WireRequest:
    return signed_by_botocore(SigV4Auth, url="http://h.test/?a=1", body=b"{}")


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"{} "},
        {"path": "/other"},
        {"query": "a=2"},
        {"query": "a=1&b=2"},
        {"method": "GET"},
    ],
    ids=str,
)
def test_what_was_changed_is_not_what_was_signed(request_: WireRequest, change: dict[str, Any]) -> None:
    request = changed(request_, **change)
    with pytest.raises(sigv4.Wrong):
        sigv4.check_signature(sigv4.signed(request), request, SECRET)


@pytest.mark.parametrize("name", ["x-amz-date", "host", "x-amz-target"])
def test_a_changed_header_is_not_what_was_signed(request_: WireRequest, name: str) -> None:
    value = "20150830T123600Z" if name == "x-amz-date" else "other"
    request = changed(request_, headers={**request_.headers, name: [value]})
    with pytest.raises(sigv4.Wrong):
        sigv4.check_signature(sigv4.signed(request), request, SECRET)


@pytest.mark.parametrize("name", ["x-amz-security-token", "x-amz-content-sha256"])
def test_what_decides_must_be_signed(request_: WireRequest, name: str) -> None:
    request = changed(request_, headers={**request_.headers, name: ["added"]})
    with pytest.raises(sigv4.Incomplete, match=name):
        sigv4.signed(request)


@pytest.mark.parametrize("hashed", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "0" * 64])
def test_no_payload_goes_unsigned(hashed: str) -> None:
    request = AWSRequest(
        method="POST", url="http://h.test/", data=b"{}", headers={"X-Amz-Content-SHA256": hashed}
    )
    SigV4Auth(Credentials(KEY, SECRET), "ecs", "us-east-1").add_auth(request)
    headers = {name.lower(): [str(value)] for name, value in request.headers.items()} | {"host": ["h.test"]}
    got = WireRequest(method="POST", path="/", query="", headers=headers, body=b"{}")
    with pytest.raises(sigv4.Wrong):
        sigv4.check_signature(sigv4.signed(got), got, SECRET)


@pytest.mark.parametrize(
    ("moved", "passes"),
    [(timedelta(minutes=14), True), (-timedelta(minutes=14), True), (timedelta(minutes=16), False),
     (-timedelta(minutes=16), False)],
)  # fmt: skip
def test_clocks_may_differ_by_a_quarter_of_an_hour(moved: timedelta, passes: bool) -> None:
    case = SUITE["get-vanilla"]
    what = sigv4.signed(parse(case["request"], case["authorization"]))
    if passes:
        sigv4.check_time(what, THEN + moved)
    else:
        with pytest.raises(sigv4.Wrong, match=r"Signature (expired|not yet current)"):
            sigv4.check_time(what, THEN + moved)


GOOD = SUITE["get-vanilla"]["authorization"]


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a",
        "AWS4-ECDSA-P256-SHA256" + GOOD.removeprefix("AWS4-HMAC-SHA256"),
        GOOD.replace("/aws4_request", ""),
        GOOD.replace("/us-east-1", ""),
        GOOD.replace("host;x-amz-date", "x-amz-date"),
        GOOD.replace("host;x-amz-date", "x-amz-date;host"),
        GOOD.replace("host;x-amz-date", "host;host;x-amz-date"),
        GOOD.replace("host;x-amz-date", "host"),
        GOOD.replace("Signature=", "Sign="),
        GOOD + ", Signature=1",
        GOOD + ", what",
    ],
)
def test_a_header_that_is_not_whole_is_told_so(authorization: str) -> None:
    with pytest.raises(sigv4.Incomplete):
        sigv4.signed(parse(SUITE["get-vanilla"]["request"], authorization))


def test_without_any_signature() -> None:
    with pytest.raises(sigv4.Unsigned):
        sigv4.signed(parse(SUITE["get-vanilla"]["request"]))


@given(st.text(max_size=80), st.text(max_size=60))
def test_any_nonsense_is_refused_in_one_of_the_three_ways(header: str, query: str) -> None:
    request = WireRequest(
        method="GET",
        path="/",
        query=query,
        headers={"authorization": [f"AWS4-HMAC-SHA256 {header}"]},
        body=b"",
    )
    with pytest.raises((sigv4.Unsigned, sigv4.Incomplete, sigv4.Wrong)):
        what = sigv4.signed(request)
        sigv4.check_time(what, datetime.now(UTC))
        sigv4.check_signature(what, request, SECRET)
