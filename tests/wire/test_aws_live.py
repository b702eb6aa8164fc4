"""The AWS face over a real socket, at the console's own address: boto3, requests that are none of its, and bodies at
the gate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tests.wire.aws import client
from tests.wire.server import WebServer


@pytest.fixture(scope="module")
def keys(web_server: WebServer) -> Iterator[tuple[str, ...]]:
    code = (
        "from access.registry import system_caller, call\n"
        "me = system_caller('tests')\n"
        "call('create_user', me, username='wire-aws', groups=['administrator'])\n"
        "made = call('create_access_key', me, username='wire-aws')\n"
        "print(made.key.key_id, made.secret)\n"
    )
    yield tuple(web_server.python(code).strip().splitlines()[-1].split())


@pytest.fixture
def ecs(web_server: WebServer, keys: tuple[str, ...]) -> Any:
    return client("ecs", keys, web_server.url)


def test_boto3_at_the_consoles_address(web_server: WebServer, keys: tuple[str, ...], ecs: Any) -> None:
    made = ecs.create_cluster(clusterName="live")
    assert made["cluster"]["status"] == "ACTIVE"
    assert made["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    assert client("sts", keys, web_server.url).get_caller_identity()["Arn"].endswith("user/wire-aws")
    url = client("sts", keys, web_server.url).generate_presigned_url("get_caller_identity", HttpMethod="GET")
    assert "user/wire-aws" in requests.get(url, timeout=20).text
    with pytest.raises(ClientError, match="ClusterNotFoundException"):
        ecs.list_services(cluster="nowhere")
    ecs.delete_cluster(cluster="live")


def test_lists_come_by_pages_that_fit_their_request_only(ecs: Any) -> None:
    names = [f"page-{number}" for number in range(5)]
    for name in names:
        ecs.create_cluster(clusterName=name)
    pages = ecs.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 2})
    arns = [arn.rsplit("/", 1)[-1] for one in pages for arn in one["clusterArns"]]
    assert [name for name in arns if name.startswith("page-")] == names and len(arns) == len(set(arns))
    token = ecs.list_clusters(maxResults=2)["nextToken"]
    for wrong in (token[:-2] + "xx", "token", token.upper()):
        with pytest.raises(ClientError, match="InvalidParameterException"):
            ecs.list_clusters(maxResults=2, nextToken=wrong)
    with pytest.raises(ClientError, match="InvalidParameterException"):
        ecs.list_task_definitions(nextToken=token)
    for name in names:
        ecs.delete_cluster(cluster=name)


def test_the_console_is_as_it_was(web_server: WebServer) -> None:
    assert requests.get(web_server.url + "/sign-in/", timeout=20).status_code == 200
    unsigned = requests.post(web_server.url + "/", data={"Action": "GetCallerIdentity"}, timeout=20)
    assert unsigned.status_code == 403 and "MissingAuthenticationToken" in unsigned.text
    assert requests.post(f"{web_server.url}/sign-in/", data={"username": "a"}, timeout=20).status_code == 403


def test_a_body_that_is_too_large_is_refused_as_aws_does(web_server: WebServer) -> None:
    headers = {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters"}
    answer = requests.post(web_server.url + "/", data=b"a" * 3_000_000, headers=headers, timeout=20)
    assert answer.status_code == 413 and answer.json()["__type"] == "RequestEntityTooLargeException"
