"""Who is let in by the AWS face, and what everybody else is told: per protocol, in AWS's own words. And that nothing
that is not rightly signed ever reaches an operation."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.models import AuditRecord, TemporaryCredential
from access.registry import call, system_caller
from base import rates
from base.clock import now
from console.aws import application, identity
from console.aws.protocols import Answer
from tests.wire.aws import client, keys_of, send

URL = "http://slipway.test/"
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
JSON = {
    "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters",
    "Content-Type": "application/x-amz-json-1.1",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BODIES = {"ecs": (JSON, b"{}"), "sts": (FORM, b"Action=GetCallerIdentity&Version=2011-06-15")}


@pytest.fixture
def keys(db: None) -> tuple[str, ...]:
    identity._suspects.clear()
    rates.forget()
    return keys_of("ann", ALL)


def signed(
    service: str,
    keys: tuple[str, ...],
    *,
    region: str = "us-east-1",
    scope: str = "",
    at: datetime | None = None,
) -> tuple[dict[str, Any], bytes]:
    headers, body = BODIES[service]
    request = AWSRequest(method="POST", url=URL, data=body, headers=dict(headers))
    SigV4Auth(Credentials(*keys), scope or service, region).add_auth(request)
    return dict(request.headers), body


def code_of(answer: Answer) -> tuple[str, int]:
    if answer.content_type.startswith("application/x-amz-json"):
        return json.loads(answer.body)["__type"], answer.status
    text = answer.body.decode()
    return text.partition("<Code>")[2].partition("</Code>")[0], answer.status


def refused(service: str, headers: dict[str, Any], body: bytes, **more: Any) -> tuple[str, int]:
    return code_of(send(more.get("method", "POST"), more.get("url", URL), headers, body))


EXPECTED = {
    "missing": {
        "ecs": ("MissingAuthenticationTokenException", 400),
        "sts": ("MissingAuthenticationToken", 403),
    },
    "unknown": {"ecs": ("UnrecognizedClientException", 400), "sts": ("InvalidClientTokenId", 403)},
    "wrong": {"ecs": ("InvalidSignatureException", 400), "sts": ("SignatureDoesNotMatch", 403)},
    "incomplete": {"ecs": ("IncompleteSignatureException", 400), "sts": ("IncompleteSignature", 400)},
    "expired": {"ecs": ("ExpiredTokenException", 400), "sts": ("ExpiredToken", 403)},
}
BOTH = pytest.mark.parametrize("service", ["ecs", "sts"])


@BOTH
def test_the_right_signature_for_any_region(service: str, keys: tuple[str, ...]) -> None:
    for region in ("us-east-1", "eu-central-1", "anywhere"):
        headers, body = signed(service, keys, region=region)
        assert send("POST", URL, headers, body).status == 200


@BOTH
def test_each_failure_is_awss_own(service: str, keys: tuple[str, ...]) -> None:
    headers, body = BODIES[service]
    assert refused(service, dict(headers), body) == EXPECTED["missing"][service]
    headers, body = signed(service, ("AKIANOTHINGOFTHEKIND", "x" * 40))
    assert refused(service, headers, body) == EXPECTED["unknown"][service]
    headers, body = signed(service, (keys[0], "x" * 40))
    assert refused(service, headers, body) == EXPECTED["wrong"][service]
    headers, body = signed(service, keys)
    assert refused(service, headers, body + b" ") == EXPECTED["wrong"][service]
    assert refused(service, headers, body, url=URL + "other") == EXPECTED["wrong"][service]
    assert refused(service, headers, body, url=URL + "?a=b") == EXPECTED["wrong"][service]
    assert refused(service, {**headers, "Host": "other"}, body) == EXPECTED["wrong"][service]
    cut = {**headers, "Authorization": headers["Authorization"].partition(", SignedHeaders")[0]}
    assert refused(service, cut, body) == EXPECTED["incomplete"][service]
    undated = {name: value for name, value in headers.items() if name != "X-Amz-Date"}
    assert refused(service, undated, body) == EXPECTED["incomplete"][service]
    other = "sts" if service == "ecs" else "ecs"
    headers, body = signed(service, keys, scope=other)
    code, _ = refused(service, headers, body)
    assert code in ("InvalidSignatureException", "InvalidAction"), code


@BOTH
def test_a_clock_that_is_wrong(service: str, keys: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    headers, body = signed(service, keys)
    for moved in (timedelta(minutes=16), -timedelta(minutes=16)):
        monkeypatch.setattr(identity, "now", lambda moved=moved: datetime.now(UTC) + moved)
        assert refused(service, headers, body) == EXPECTED["wrong"][service]


def test_presigned(keys: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{URL}?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest(method="GET", url=url, headers={})
    SigV4QueryAuth(Credentials(*keys), "sts", "us-east-1", expires=60).add_auth(request)
    assert send("GET", request.url, {}, b"").status == 200
    for changed in ("GetSessionToken", "GetAccessKeyInfo"):
        answer = send("GET", request.url.replace("GetCallerIdentity", changed), {}, b"")
        assert code_of(answer) == EXPECTED["wrong"]["sts"]
    assert code_of(send("POST", request.url, {}, b"")) == EXPECTED["wrong"]["sts"]
    assert (
        code_of(send("GET", request.url + "&X-Amz-Expires=604800", {}, b"")) == EXPECTED["incomplete"]["sts"]
    )
    monkeypatch.setattr(identity, "now", lambda: datetime.now(UTC) + timedelta(seconds=61))
    assert code_of(send("GET", request.url, {}, b"")) == EXPECTED["wrong"]["sts"]


@BOTH
def test_temporary_keys(service: str, keys: tuple[str, ...]) -> None:
    got = client("sts", keys).get_session_token(DurationSeconds=900)["Credentials"]
    temporary = (got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
    assert client("sts", temporary).get_caller_identity()["Arn"].endswith("user/ann")
    headers, body = signed(service, temporary)
    assert send("POST", URL, headers, body).status == 200
    headers, body = signed(service, temporary[:2])  # without its token the key is nobody's
    assert refused(service, headers, body) == EXPECTED["unknown"][service]
    headers, body = signed(service, (*temporary[:2], "another"))
    assert refused(service, headers, body) == EXPECTED["unknown"][service]
    TemporaryCredential.objects.update(expires_at=now() - timedelta(seconds=1))
    headers, body = signed(service, temporary)
    assert refused(service, headers, body) == EXPECTED["expired"][service]


def test_a_role_is_assumed_and_held_to_its_policy(keys: tuple[str, ...]) -> None:
    ann = {"AWS": "arn:aws:iam::123456789012:user/ann"}
    trust = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": ann, "Action": "sts:AssumeRole"},
    }
    iam = client("iam", keys)
    arn = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    allowed = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "ecs:List*", "Resource": "*"},
    }
    iam.put_role_policy(RoleName="reader", PolicyName="own", PolicyDocument=json.dumps(allowed))
    shown = iam.get_role_policy(RoleName="reader", PolicyName="own")["PolicyDocument"]
    assert shown == allowed
    got = client("sts", keys).assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    role = (got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
    ecs = client("ecs", role)
    ecs.list_clusters()
    with pytest.raises(ClientError) as denied:
        ecs.create_cluster(clusterName="mine")
    error = denied.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert "assumed-role/reader/test" in error["Message"] and "ecs:CreateCluster" in error["Message"]
    assert "cluster/mine" in error["Message"]
    record = AuditRecord.objects.filter(action="ecs:CreateCluster").latest("id")
    assert (record.face, record.result) == ("aws", "denied")


def test_bad_signatures_leave_a_record_and_a_flood_of_them_waits(
    keys: tuple[str, ...], settings: Any
) -> None:
    settings.SLIPWAY_BAD_TOKENS_PER_MINUTE = 3
    headers, body = signed("ecs", (keys[0], "x" * 40))
    seen = [refused("ecs", headers, body)[0] for _ in range(5)]
    assert seen[:3] == ["InvalidSignatureException"] * 3 and seen[-1] == "ThrottlingException"
    records = AuditRecord.objects.filter(action="signin:SignedRequest")
    assert records.count() == 3 and {one.actor_name for one in records} == {"ann"}


def test_limits_are_by_identity_and_operation(keys: tuple[str, ...], settings: Any) -> None:
    settings.SLIPWAY_AWS_LIMITS = {"ecs:ListClusters": 2}
    ecs, other = client("ecs", keys), client("ecs", keys_of("bob", ALL))
    for _ in range(2):
        ecs.list_clusters()
    with pytest.raises(ClientError, match="ThrottlingException"):
        ecs.list_clusters()
    other.list_clusters()
    ecs.list_task_definition_families()


# ---- fuzzing -------------------------------------------------------------------------------------------

QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
HEADERS = st.sampled_from(
    ["Authorization", "X-Amz-Date", "X-Amz-Target", "Host", "Content-Type", "X-Amz-Security-Token"]
)
TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\n\0"), max_size=60)


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request of this test may come as far as an operation."""

    def reached(*_: Any, **__: Any) -> None:
        raise AssertionError("it reached an operation")

    monkeypatch.setattr(application, "run", reached)


@QUICK
@given(headers=st.dictionaries(HEADERS, TEXT, max_size=5), body=st.binary(max_size=120), query=TEXT)
def test_nothing_unsigned_reaches_an_operation(
    keys: tuple[str, ...], never: None, headers: dict[str, str], body: bytes, query: str
) -> None:
    from urllib.parse import quote

    sent = {name: value.encode() for name, value in headers.items()}
    answer = send("POST", f"{URL}?{quote(query, safe='=&%+-')}", sent, body)
    assert 400 <= answer.status < 500, answer


@QUICK
@given(st.sampled_from(["ecs", "sts"]), st.integers(0, 400), st.integers(0, 255), st.data())
def test_no_byte_of_a_signed_request_can_be_changed(
    keys: tuple[str, ...], never: None, service: str, place: int, byte: int, data: st.DataObject
) -> None:
    headers, body = signed(service, keys)
    name = data.draw(st.sampled_from([*sorted(headers), "body"]))
    before = body if name == "body" else str(headers[name]).encode()
    place %= len(before)
    after = before[:place] + bytes([byte]) + before[place + 1 :]
    if name == "body":
        body = after
    else:
        headers = {**headers, name: after}
    # A signature means the same in other spaces, and the content type picks no operation that is not signed too.
    if after.split() == before.split() or name == "Content-Type":
        return
    answer = send("POST", URL, headers, body)
    assert 400 <= answer.status < 500, (name, after, answer)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)


@QUICK
@given(
    operation=st.sampled_from(["CreateService", "RegisterTaskDefinition", "RunTask", "ListTasks", "TagResource", "No"]),
    params=st.dictionaries(
        st.sampled_from(["cluster", "tags", "family", "containerDefinitions", "overrides", "nextToken", "maxResults",
                         "resourceArn", "taskDefinition", "serviceName", "networkConfiguration"]) | st.text(max_size=8),
        JSONS, max_size=6,
    ),
)  # fmt: skip
def test_whatever_is_asked_is_answered(keys: tuple[str, ...], operation: str, params: dict[str, Any]) -> None:
    body = json.dumps(params).encode()
    headers = {**JSON, "X-Amz-Target": f"AmazonEC2ContainerServiceV20141113.{operation}"}
    request = AWSRequest(method="POST", url=URL, data=body, headers=headers)
    SigV4Auth(Credentials(*keys), "ecs", "us-east-1").add_auth(request)
    answer = send("POST", URL, dict(request.headers), body)
    assert answer.status < 500, (params, answer)
    json.loads(answer.body)


@QUICK
@given(
    pairs=st.lists(
        st.tuples(st.text("ab.member1Policyentrykv2", max_size=20), st.text(max_size=20)), max_size=5
    )
)
def test_whatever_form_is_sent_is_answered(keys: tuple[str, ...], pairs: list[tuple[str, str]]) -> None:
    from urllib.parse import urlencode

    body = urlencode([("Action", "CreateUser"), ("Version", "2010-05-08"), *pairs], errors="replace").encode()
    request = AWSRequest(method="POST", url=URL, data=body, headers=dict(FORM))
    SigV4Auth(Credentials(*keys), "iam", "us-east-1").add_auth(request)
    assert send("POST", URL, dict(request.headers), body).status < 500


def test_what_the_administrator_was_given_at_set_up_is_taken_as_it_is(db: None) -> None:
    me = system_caller("tests")
    call("create_user", me, username="root")
    call("import_access_key", me, username="root", key_id="A" * 20, secret_access_key="s" * 16)
    assert client("sts", ("A" * 20, "s" * 16)).get_caller_identity()["Account"] == "123456789012"
