"""169.254.170.2 as real containers see it: credentials of the task role, metadata, the console's API;
nobody else's; and two installations side by side on one engine."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import pytest

from clusters.engine.helper import ROLE, container_name
from clusters.engine.port import LABEL_CONTAINER_NAME, LABEL_ROLE, LABEL_TASK_ARN, ContainerState
from tests.lab.installation import until
from tests.lab.site import Site, container, definition

SET_UP = """
from access.registry import call, system_caller
me = system_caller("test")
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
    "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
call("create_role", me, role="reader", assume_role_policy_document=trust)
"""


class Tasks:
    """An installation with tasks of each network mode."""

    def __init__(self, site: Site) -> None:
        self.site = site
        site.installation.python(SET_UP)
        self.image = site.image("idle")

    def run(self, family: str, mode: str, role: str = "reader", **more: Any) -> dict[str, Any]:
        given = {"taskRoleArn": role} if role else {}
        document = definition(family, container("app", self.image), networkMode=mode, **given, **more)
        return self.site.run(document)

    def container(self, task: dict[str, Any]) -> ContainerState:
        (found,) = self.site.engine.list_containers(
            {LABEL_TASK_ARN: task["arn"], LABEL_CONTAINER_NAME: "app"}
        )
        return found

    def sh(self, task: dict[str, Any], script: str) -> tuple[int, str]:
        return self.site.engine.top_exec(self.container(task).id, ("sh", "-c", script), timeout=30)

    def get(self, task: dict[str, Any], url: str) -> Any:
        """The JSON at the address, from within; None where it is refused."""
        code, said = self.sh(task, f"timeout 10 wget -q -O - {url}")
        return json.loads(said) if code == 0 else None

    def answered(self, task: dict[str, Any], url: str) -> Any:
        return until(lambda: self.get(task, url), f"{url} is answered", 30, every=0.5)

    def variable(self, task: dict[str, Any], name: str) -> str:
        return self.sh(task, f"echo ${name}")[1].strip()


@pytest.fixture(scope="module")
def tasks(engine_url: str) -> Iterator[Tasks]:
    with Site(
        engine_url, {"SLIPWAY_TASK_ENDPOINT": "all", "SLIPWAY_TASK_CREDENTIALS_SECONDS": "900"}
    ) as site:
        yield Tasks(site)


CREDENTIALS = "http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"


@pytest.mark.parametrize("mode", ["bridge", "awsvpc"])
def test_credentials_and_metadata(tasks: Tasks, mode: str) -> None:
    task = tasks.run(f"own-{mode}", mode, tags=[{"key": "team", "value": "shop"}])
    found = tasks.answered(task, CREDENTIALS)
    assert found["RoleArn"].endswith(":role/reader") and found["AccessKeyId"].startswith("ASIA")
    assert found["SecretAccessKey"] and found["Token"] and found["Expiration"].endswith("Z")
    assert tasks.get(task, CREDENTIALS) == found, "they are handed out again until they are old"
    told = tasks.get(task, "$ECS_CONTAINER_METADATA_URI_V4")
    assert (told["Name"], told["KnownStatus"]) == ("app", "RUNNING")
    assert told["DockerId"] == tasks.container(task).id
    assert told["Networks"][0]["NetworkMode"] == mode
    whole = tasks.get(task, "$ECS_CONTAINER_METADATA_URI_V4/task")
    assert (whole["TaskARN"], whole["Family"], whole["KnownStatus"]) == (
        task["arn"],
        f"own-{mode}",
        "RUNNING",
    )
    assert [one["Name"] for one in whole["Containers"]] == ["app"] and "TaskTags" not in whole
    assert "TaskTags" in tasks.get(task, "$ECS_CONTAINER_METADATA_URI_V4/taskWithTags")
    assert tasks.get(task, "$ECS_CONTAINER_METADATA_URI_V4/stats")["memory_stats"]["usage"] > 0
    assert tasks.container(task).id in tasks.get(task, "$ECS_CONTAINER_METADATA_URI_V4/task/stats")
    assert tasks.get(task, "$ECS_CONTAINER_METADATA_URI_V4/nothing") is None
    assert tasks.variable(task, "AWS_REGION") == "us-east-1"


def test_the_keys_are_a_session_of_the_role_and_renew(tasks: Tasks) -> None:
    task = tasks.run("renewed", "bridge")
    first = tasks.answered(task, CREDENTIALS)
    told = tasks.site.installation.python(
        "from access.identities.keys import find_key\nfrom access.identities.sts import caller_of\n"
        f"c = find_key({first['AccessKeyId']!r}, {first['Token']!r})\n"
        "print(caller_of(c, face='aws').arn, c.session.expires_at.timestamp())"
    ).split()
    assert told[-2].endswith(f":assumed-role/reader/{task['id']}")
    assert 800 < float(told[-1]) - time.time() <= 900
    # Half a life later, as far as the watcher can tell: it is restarted, and remembers none.
    installation = tasks.site.installation
    old = installation.kill("watcher")
    installation.wait_restarted("watcher", old)
    second = tasks.answered(task, CREDENTIALS)
    assert second["AccessKeyId"] != first["AccessKeyId"]


def test_one_task_cannot_have_anothers_even_knowing_its_address(tasks: Tasks) -> None:
    victim = tasks.run("victim", "bridge")
    same_mode = tasks.run("curious-bridge", "bridge")
    other_mode = tasks.run("curious-awsvpc", "awsvpc")
    on_the_host = tasks.run("curious-host", "host")
    without = tasks.run("without", "bridge", role="")
    url = f"http://169.254.170.2{tasks.variable(victim, 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI')}"
    assert tasks.answered(victim, url)
    own_metadata = tasks.variable(victim, "ECS_CONTAINER_METADATA_URI_V4")
    for thief in (same_mode, other_mode, on_the_host, without):
        assert tasks.get(thief, url) is None
        assert tasks.get(thief, f"{own_metadata}/task") is None
    assert tasks.get(victim, url[:-1] + ("0" if url[-1] != "0" else "1")) is None, "a guessed key"
    assert tasks.variable(without, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") == ""
    assert tasks.answered(without, "$ECS_CONTAINER_METADATA_URI_V4/task")["Family"] == "without"


def test_a_task_on_the_hosts_network_shows_its_token(tasks: Tasks) -> None:
    task = tasks.run("hosted", "host")
    header = '--header "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN"'
    url = "$AWS_CONTAINER_CREDENTIALS_FULL_URI"
    found = tasks.answered(task, f"{header} {url}")
    assert found["RoleArn"].endswith(":role/reader")
    assert tasks.variable(task, "AWS_CONTAINER_CREDENTIALS_FULL_URI").startswith("http://127.0.0.1:")
    assert tasks.get(task, url) is None
    assert tasks.get(task, f'--header "Authorization: x" {url}') is None
    other = tasks.run("hosted-too", "host")
    taken = tasks.variable(task, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    assert tasks.get(other, f"{header} {taken}") is None


def test_the_console_is_reached_at_the_endpoint(tasks: Tasks) -> None:
    for mode in ("bridge", "awsvpc", "host"):
        task = tasks.run(f"caller-{mode}", mode)

        code, said = tasks.sh(task, "timeout 10 wget -q -O - $AWS_ENDPOINT_URL/healthz")
        assert code == 0, said


def test_the_helper_is_ours_and_is_mended(tasks: Tasks) -> None:
    engine = tasks.site.engine
    (helper,) = engine.list_containers({LABEL_ROLE: ROLE})
    assert helper.name == container_name(engine.installation)
    task = tasks.run("patient", "bridge")
    tasks.answered(task, CREDENTIALS)
    engine.kill_container(helper.id)
    tasks.answered(task, CREDENTIALS)
    engine.remove_container(helper.id)
    tasks.answered(task, CREDENTIALS)
    (again,) = engine.list_containers({LABEL_ROLE: ROLE})
    assert again.status == "running" and again.id != helper.id


_BOTO3 = """
import boto3, botocore.exceptions
print(boto3.client("sts").get_caller_identity()["Arn"])
ecs = boto3.client("ecs")
print(ecs.describe_clusters(clusters=["default"])["clusters"][0]["clusterName"])
try:
    ecs.create_cluster(clusterName="mine")
except botocore.exceptions.ClientError as error:
    print(error.response["Error"]["Code"])
"""


def test_boto3_with_nothing_configured_acts_as_the_task_role(tasks: Tasks) -> None:
    """The machine's own Python and packages, mounted read-only."""
    tasks.site.installation.python(
        "from access.registry import call, system_caller\n"
        "policy = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', "
        "'Action': 'ecs:DescribeClusters', 'Resource': '*'}]}\n"
        "call('put_role_policy', system_caller('test'), role='reader', policy_name='look', document=policy)"
    )
    packages = str(Path(botocore.__file__).parents[1])
    folders = [one for one in (sys.base_prefix, packages, "/usr/lib", "/lib", "/lib64") if Path(one).exists()]
    mounts = [
        {"sourceVolume": f"v{i}", "containerPath": one, "readOnly": True} for i, one in enumerate(folders)
    ]
    volumes = [{"name": f"v{i}", "host": {"sourcePath": one}} for i, one in enumerate(folders)]
    document = definition(
        "boto",
        container("app", tasks.image, memory=256, mountPoints=mounts),
        taskRoleArn="reader",
        volumes=volumes,
    )
    task = tasks.site.run(document)
    tasks.answered(task, CREDENTIALS)
    python = f"{sys.base_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    code, said = tasks.sh(task, f"PYTHONPATH={packages} HOME=/tmp {python} -c '{_BOTO3}' 2>&1")
    assert code == 0, said
    who, cluster, refused = said.split()
    assert who.endswith(f":assumed-role/reader/{task['id']}") and cluster == "default"
    assert refused == "AccessDeniedException"


def test_two_installations_share_an_engine(tasks: Tasks, engine_url: str) -> None:
    """Whichever has the port hands over what is the other's; when it goes, the other has it."""
    mine = tasks.run("first", "bridge")
    first = tasks.answered(mine, CREDENTIALS)
    with Site(engine_url, {"SLIPWAY_TASK_ENDPOINT": "all"}) as site:
        others = Tasks(site)
        theirs = others.run("second", "bridge")
        second = others.answered(theirs, CREDENTIALS)
        assert second["AccessKeyId"] != first["AccessKeyId"]
        assert others.answered(theirs, "$ECS_CONTAINER_METADATA_URI_V4/task")["Family"] == "second"
        stolen = others.variable(theirs, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        assert tasks.get(mine, f"http://169.254.170.2{stolen}") is None
        assert tasks.get(mine, CREDENTIALS) == first
        # The first installation's helper has the port; without it, the second's takes over.
        (helper,) = tasks.site.engine.list_containers({LABEL_ROLE: ROLE})
        tasks.site.engine.kill_container(helper.id)
        assert others.answered(theirs, CREDENTIALS) == second
        assert tasks.answered(mine, CREDENTIALS) == first


def test_deregistering_leaves_no_helper(tasks: Tasks, engine_url: str) -> None:
    with Site(engine_url, {"SLIPWAY_TASK_ENDPOINT": "all"}) as site:
        until(lambda: site.engine.list_containers({LABEL_ROLE: ROLE}), "there is a helper", 30)
        (instance,) = site.remote.instances()
        site.remote.deregister_instance(container_instance=instance["id"], force=True)
        until(lambda: not site.engine.list_containers({LABEL_ROLE: ROLE}), "the helper is gone", 30)
        time.sleep(3)
        assert not site.engine.list_containers({LABEL_ROLE: ROLE})
