"""The real AWS CLI and boto3 against a running Slipway, with containers on a real engine: what a team moves over with.

One story twice, told by both: to a second revision, a rollback in mid-flight, a task of its own, and all gone again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore import xform_name

from tests.lab.installation import PASSWORD, until
from tests.lab.site import Site, container, definition

KEY, SECRET = "AKIASLIPWAYTESTKEY01", "a-secret-chosen-at-set-up-0123456789"
AWS = Path(sys.executable).with_name("aws")
SETTINGS = {
    "SLIPWAY_STEADY_SECONDS": "1",
    "SLIPWAY_ADMIN_ACCESS_KEY_ID": KEY,
    "SLIPWAY_ADMIN_SECRET_ACCESS_KEY": SECRET,
}
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def site(engine_url: str) -> Iterator[Site]:
    with Site(engine_url, SETTINGS) as one:
        yield one


class Cli:
    """`cli("create-service", serviceName="web")` is `aws ecs create-service --service-name web`."""

    def __init__(self, site: Site, home: Path) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_ENDPOINT_URL": site.installation.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "eu-west-1",  # signed for another region than the installation's
            "AWS_PAGER": "",
        }
        self.home = home

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        words = ["ecs", operation.replace("_", "-")]
        for name, value in members.items():
            words.append("--" + xform_name(name, "-"))
            if value is True:
                continue
            if isinstance(value, list) and all(isinstance(one, str) for one in value):
                words += value
            else:
                words.append(value if isinstance(value, str) else json.dumps(value))
        return self.run(*words)

    def run(self, *words: str) -> dict[str, Any]:
        done = subprocess.run(
            [str(AWS), *words], env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout)) if done.stdout.strip() else {}

    def register(self, document: dict[str, Any]) -> str:
        """From a JSON file, as people do it."""
        path = self.home / f"{document['family']}.json"
        path.write_text(json.dumps(document))
        answer = self.run("ecs", "register-task-definition", "--cli-input-json", f"file://{path}")
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def wait(self, what: str, **members: Any) -> None:
        lists = [
            word for name, value in members.items() if name != "cluster" for word in (f"--{name}", *value)
        ]
        self.run("ecs", "wait", what, "--cluster", members["cluster"], *lists)


class Boto:
    """The same by boto3."""

    def __init__(self, site: Site, home: Path) -> None:
        session = boto3.Session(KEY, SECRET, region_name="us-east-1")
        self.ecs = session.client("ecs", endpoint_url=site.installation.url)

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        found: dict[str, Any] = getattr(self.ecs, operation)(**members)
        return found

    def register(self, document: dict[str, Any]) -> str:
        return str(self.ecs.register_task_definition(**document)["taskDefinition"]["taskDefinitionArn"])

    def wait(self, what: str, **members: Any) -> None:
        self.ecs.get_waiter(what.replace("-", "_")).wait(
            **members, WaiterConfig={"Delay": 1, "MaxAttempts": 180}
        )


class Console:
    """A browser without a screen: the text of pages, for somebody who has signed in."""

    def __init__(self, site: Site) -> None:
        self.url = site.installation.url
        self.session = requests.Session()
        self.session.trust_env = False
        page = self.session.get(f"{self.url}/sign-in/", timeout=20)
        assert page.status_code == 200 and self.session.cookies, (page.status_code, page.text[:500])
        token = self.session.cookies[f"slipway_csrf_{site.installation.port}"]
        form = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": token}
        self.session.post(f"{self.url}/sign-in/", data=form, timeout=20)

    def text(self, path: str) -> str:
        answer = self.session.get(self.url + path, timeout=20)
        assert answer.status_code == 200, (path, answer.status_code)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def docker_inspect(engine_url: str, runtime_id: str) -> dict[str, Any]:
    done = subprocess.run(
        ["docker", "-H", engine_url, "inspect", runtime_id],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return dict(json.loads(done.stdout)[0])


# The CLI's own waiters look every six and fifteen seconds.
@pytest.mark.parametrize("kind", [Boto, pytest.param(Cli, marks=pytest.mark.slow)], ids=["boto3", "cli"])
def test_a_service_lives_and_ends(
    site: Site, engine_url: str, tmp_path: Path, kind: type[Boto] | type[Cli]
) -> None:
    aws, console = kind(site, tmp_path), Console(site)
    name, cluster = f"web-{kind.__name__.lower()}", "default"
    here = {"cluster": cluster}

    made = aws("create_cluster", clusterName=cluster)["cluster"]
    assert (made["status"], made["registeredContainerInstancesCount"]) == ("ACTIVE", 1)
    web = container("web", site.image("web"), environment=[{"name": "VERSION", "value": "1"}])
    first = aws.register(definition(name, web))
    aws(
        "create_service", **here, serviceName=name, taskDefinition=first, desiredCount=2,
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
    )  # fmt: skip
    aws.wait("services-stable", **here, services=[name])
    assert versions_of(aws, engine_url, name, first) == ["1", "1"]
    assert name in console.text(f"/clusters/{cluster}/services/{name}/")

    second = aws.register(definition(name, {**web, "environment": [{"name": "VERSION", "value": "2"}]}))
    aws("update_service", **here, service=name, taskDefinition=second)
    aws.wait("services-stable", **here, services=[name])
    assert versions_of(aws, engine_url, name, second) == ["2", "2"]

    broken = aws.register(
        definition(name, {**web, "image": site.image("never-healthy"), "healthCheck": _CHECK})
    )
    aws("update_service", **here, service=name, taskDefinition=broken)
    under_way = until(
        lambda: [
            one
            for one in aws("list_service_deployments", **here, service=name)["serviceDeployments"]
            if one["status"] == "IN_PROGRESS"
        ],
        "the third deployment is in progress",
    )[0]["serviceDeploymentArn"]
    aws("stop_service_deployment", serviceDeploymentArn=under_way, stopType="ROLLBACK")
    aws.wait("services-stable", **here, services=[name])
    ended = aws("describe_service_deployments", serviceDeploymentArns=[under_way])["serviceDeployments"][0]
    assert ended["status"] == "ROLLBACK_SUCCESSFUL", ended
    assert versions_of(aws, engine_url, name, second) == ["2", "2"]
    assert "olled back" in console.text(f"/clusters/{cluster}/services/{name}/")

    task = aws("run_task", **here, taskDefinition=second, startedBy="the-test")["tasks"][0]["taskArn"]
    aws.wait("tasks-running", **here, tasks=[task])
    assert task in aws("list_tasks", **here, startedBy="the-test")["taskArns"]
    assert task.rsplit("/", 1)[-1][:8] in console.text(
        f"/clusters/{cluster}/tasks/{task.rsplit('/', 1)[-1]}/"
    )
    aws("stop_task", **here, task=task, reason="enough")
    aws.wait("tasks-stopped", **here, tasks=[task])
    stopped = aws("describe_tasks", **here, tasks=[task])["tasks"][0]
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough")

    aws("delete_service", **here, service=name, force=True)
    aws.wait("services-inactive", **here, services=[name])
    gone = aws("describe_services", **here, services=[name])["services"][0]
    assert (gone["status"], gone["runningCount"]) == ("INACTIVE", 0)
    assert not [
        one for one in site.containers() if one.labels.get("com.amazonaws.ecs.task-definition-family") == name
    ]


_CHECK = {"command": ["CMD", "/bin/health"], "interval": 5, "retries": 10, "timeout": 2}


def versions_of(aws: Ask, engine_url: str, service: str, revision: str) -> list[str]:
    """What each of the service's containers was given, as Docker tells it: each is its task's own, and runs."""
    arns = aws("list_tasks", cluster="default", serviceName=service)["taskArns"]
    tasks = aws("describe_tasks", cluster="default", tasks=arns)["tasks"]
    assert [task["taskDefinitionArn"] for task in tasks] == [revision] * 2
    found = []
    for task in tasks:
        facts = docker_inspect(engine_url, task["containers"][0]["runtimeId"])
        assert facts["State"]["Running"]
        assert facts["Config"]["Labels"]["com.amazonaws.ecs.task-arn"] == task["taskArn"]
        found += [one.partition("=")[2] for one in facts["Config"]["Env"] if one.startswith("VERSION=")]
    return found


def test_the_javascript_sdk_brings_a_service_to_its_second_revision(site: Site, engine_url: str) -> None:
    done = subprocess.run(
        [
            "node",
            str(Path(__file__).with_name("deploy.mjs")),
            site.installation.url,
            "web-js",
            site.image("web"),
        ],
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        },
        capture_output=True,
        text=True,
        timeout=420,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["cluster"], said["refusal"]) == ("ACTIVE", "ClusterNotFoundException")
    assert said["service"]["taskDefinition"] == said["second"] and said["service"]["runningCount"] == 2
    aws = Boto(site, Path())
    assert versions_of(aws, engine_url, "web-js", said["second"]) == ["2", "2"]
    aws("delete_service", cluster="default", service="web-js", force=True)
