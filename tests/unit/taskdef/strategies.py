"""Random valid RegisterTaskDefinition requests that use every supported field."""

from __future__ import annotations

import copy
import string
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from services.taskdef import words
from services.taskdef.sizes import FARGATE

NAMES = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=12)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
PATHS = st.lists(st.sampled_from(["data", "etc", "a b", "x.y", "srv"]), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)
IMAGES = st.sampled_from([
    "nginx", "nginx:1.25", "library/nginx:latest", "registry.local:5000/team/app:v1_2", "localhost/app",
    "ghcr.io/a/b__c/d-e@sha256:" + "0123456789abcdef" * 4, "public.ecr.aws/nginx/nginx:1.27@sha256:" + "a" * 64,
])  # fmt: skip
ENV_NAMES = st.text(string.ascii_uppercase + "_", min_size=1, max_size=8)
_SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/db-a1b2c3"
REFERENCES = st.sampled_from([
    _SECRET, f"{_SECRET}:password::", f"{_SECRET}:password:AWSPREVIOUS:", f"{_SECRET}:::0123456789",
    "arn:aws:ssm:us-east-1:123456789012:parameter/shop/db", "/shop/db", "plain", "plain:3",
])  # fmt: skip


def examples(count: int) -> settings:
    """So many examples, however busy the machine is."""
    calm = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=count, deadline=None, suppress_health_check=calm)


@st.composite
def mostly_absent(draw: st.DrawFn, fields: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """A few of the fields, so that documents stay small while each field has its turn."""
    names = draw(st.lists(st.sampled_from(sorted(fields)), max_size=5, unique=True))
    return {name: draw(fields[name]) for name in names}


def unique(items: st.SearchStrategy[Any], key: str, limit: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=limit, unique_by=lambda item: item[key])


HEALTH_CHECKS = st.fixed_dictionaries(
    {
        "command": st.one_of(
            st.just(["NONE"]),
            st.lists(TEXT, min_size=1, max_size=3)
            .filter(lambda rest: rest[0] != "")
            .map(lambda rest: ["CMD", *rest]),
            TEXT.filter(str.strip).map(lambda line: ["CMD-SHELL", line]),
        )
    },
    optional={
        "interval": st.integers(5, 300),
        "timeout": st.integers(2, 60),
        "retries": st.integers(1, 10),
        "startPeriod": st.integers(0, 300),
    },
)
ULIMITS = st.builds(
    lambda name, low, more: {"name": name, "softLimit": low, "hardLimit": low + more},
    st.sampled_from(words.ULIMITS), st.integers(0, 2**40), st.integers(0, 2**40),
)  # fmt: skip
TMPFS = st.fixed_dictionaries(
    {"containerPath": PATHS.map(lambda path: "/tmpfs" + path), "size": st.integers(1, 512)},
    optional={
        "mountOptions": st.lists(st.sampled_from(["noexec", "nosuid", "mode=1777", "uid=10"]), max_size=2)
    },
)
DEVICES = st.fixed_dictionaries(
    {"hostPath": st.sampled_from(["/dev/null", "/dev/sda", "/dev/fuse"])},
    optional={
        "containerPath": PATHS,
        "permissions": st.lists(st.sampled_from(["read", "write", "mknod"]), min_size=1, unique=True),
    },
)
LOGS = st.one_of(
    st.just({"logDriver": "awslogs", "options": {"awslogs-group": "/app", "awslogs-stream-prefix": "x"}}),
    st.just({"logDriver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}),
    st.just({"logDriver": "syslog", "options": {"syslog-address": "udp://127.0.0.1:514"}}),
    st.just({"logDriver": "journald"}),
)


@st.composite
def linux_parameters(draw: st.DrawFn, memory: bool, fargate: bool) -> dict[str, Any]:
    fields: dict[str, st.SearchStrategy[Any]] = {
        "initProcessEnabled": st.booleans(),
        "tmpfs": unique(TMPFS, "containerPath", 2),
    }
    names = ["SYS_PTRACE"] if fargate else list(words.CAPABILITIES)
    added = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    dropped = draw(st.lists(st.sampled_from(["CHOWN", "KILL", "ALL"]), max_size=2, unique=True))
    if not fargate:
        fields |= {"devices": st.lists(DEVICES, max_size=2), "sharedMemorySize": st.integers(1, 256)}
    linux = draw(mostly_absent(fields))
    if draw(st.booleans()):
        linux["capabilities"] = {"add": added, "drop": [name for name in dropped if name not in added]}
    if memory and not fargate and draw(st.booleans()):
        linux["maxSwap"] = draw(st.integers(0, 512))
        if draw(st.booleans()):
            linux["swappiness"] = draw(st.integers(0, 100))
    return linux


@st.composite
def volumes(draw: st.DrawFn, fargate: bool) -> list[dict[str, Any]]:
    kinds: list[st.SearchStrategy[dict[str, Any]]] = [st.just({}), st.just({"host": {}})]
    if not fargate:
        maps = st.dictionaries(NAMES, TEXT, max_size=2)
        kinds += [
            PATHS.map(lambda path: {"host": {"sourcePath": path}}),
            mostly_absent(
                {"driver": st.sampled_from(["local", "nfs"]), "driverOpts": maps, "labels": maps}
            ).map(lambda managed: {"dockerVolumeConfiguration": managed}),
            st.booleans().map(
                lambda create: {"dockerVolumeConfiguration": {"scope": "shared", "autoprovision": create}}
            ),
        ]
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    return [{"name": name, **draw(st.one_of(kinds))} for name in names]


@st.composite
def port_mappings(draw: st.DrawFn, mode: str, numbers: list[int]) -> list[dict[str, Any]]:
    if mode == "none":
        return []
    mappings = []
    for _ in range(draw(st.integers(0, 2))):
        port = numbers.pop()
        mapping: dict[str, Any] = {"containerPort": port}
        host = draw(st.sampled_from([None, 0, port]))
        if host is not None:
            mapping["hostPort"] = host
        if draw(st.booleans()):
            mapping["protocol"] = draw(st.sampled_from(["tcp", "udp"]))
        if draw(st.booleans()):
            mapping["name"] = f"port-{port}"
        mappings.append(mapping)
    return mappings


@st.composite
def containers(
    draw: st.DrawFn,
    name: str,
    mode: str,
    fargate: bool,
    sized: bool,
    volume_names: list[str],
    numbers: list[int],
) -> dict[str, Any]:
    timeouts = st.integers(2, 120)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "cpu": st.integers(0, 20),
        "entryPoint": st.lists(TEXT, max_size=2),
        "command": st.lists(TEXT, max_size=2),
        "workingDirectory": PATHS,
        "user": st.sampled_from(["app", "1000", "1000:1000", "www-data:adm"]),
        "environment": unique(st.fixed_dictionaries({"name": ENV_NAMES, "value": TEXT}), "name"),
        "secrets": unique(
            st.fixed_dictionaries({"name": ENV_NAMES.map("FROM_VAULT_{}".format), "valueFrom": REFERENCES}), "name"
        ),
        "repositoryCredentials": st.just({"credentialsParameter": "registry/login"}),
        "healthCheck": HEALTH_CHECKS,
        "readonlyRootFilesystem": st.booleans(),
        "ulimits": unique(ULIMITS, "name", 2),
        "startTimeout": timeouts,
        "stopTimeout": timeouts,
        "restartPolicy": st.fixed_dictionaries(
            {"enabled": st.booleans()},
            optional={
                "ignoredExitCodes": st.lists(st.integers(0, 255), max_size=3, unique=True),
                "restartAttemptPeriod": st.integers(60, 1800),
            },
        ),
        "logConfiguration": LOGS if not fargate else st.just(
            {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-stream-prefix": "p"}}
        ),
        "dockerLabels": st.dictionaries(NAMES, TEXT, max_size=2),
        "dnsServers": st.just(["10.0.0.2", "fd00::2"]),
        "dnsSearchDomains": st.just(["example.org"]),
        "systemControls": st.just([{"namespace": "kernel.msgmax", "value": "9000"}]),
        "interactive": st.booleans(),
        "pseudoTerminal": st.booleans(),
        "versionConsistency": st.just("enabled"),
    }  # fmt: skip
    if mode != "awsvpc":
        fields |= {
            "hostname": st.sampled_from(["box", "a-b.example"]),
            "extraHosts": st.just([{"hostname": "db", "ipAddress": "10.1.2.3"}]),
        }
    if not fargate:
        fields |= {
            "privileged": st.booleans(),
            "dockerSecurityOptions": st.just(["no-new-privileges", "label:disable"]),
        }
    container = {"name": name, "image": draw(IMAGES), **draw(mostly_absent(fields))}
    soft = draw(st.integers(6, 20))
    kind = draw(st.sampled_from(["hard", "soft", "both", "none"] if sized else ["hard", "soft", "both"]))
    if kind in ("hard", "both"):
        container["memory"] = soft + draw(st.integers(0, 20))
    if kind in ("soft", "both"):
        container["memoryReservation"] = soft
    linux = draw(linux_parameters("memory" in container, fargate))
    if linux:
        container["linuxParameters"] = linux
    mounts = []
    for position, volume in enumerate(volume_names):
        if draw(st.booleans()):
            mounts.append({"sourceVolume": volume, "containerPath": f"/mnt/{position}"})
            if draw(st.booleans()):
                mounts[-1]["readOnly"] = draw(st.booleans())
    if mounts:
        container["mountPoints"] = mounts
    mappings = draw(port_mappings(mode, numbers))
    if mappings:
        container["portMappings"] = mappings
    return container


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A valid request, in the many ways one may write it."""
    fargate = draw(st.booleans()) and draw(st.booleans())
    mode = "awsvpc" if fargate else draw(st.sampled_from(words.NETWORK_MODES))
    document: dict[str, Any] = {"family": draw(NAMES), "networkMode": mode}
    if mode == "bridge" and draw(st.booleans()):
        del document["networkMode"]
    if fargate:
        cpu = draw(st.sampled_from(sorted(FARGATE)))
        document |= {"cpu": str(cpu), "memory": str(draw(st.sampled_from(FARGATE[cpu])))}
        document["requiresCompatibilities"] = draw(st.sampled_from([["FARGATE"], ["EC2", "FARGATE"]]))
    else:
        if draw(st.booleans()):
            document["cpu"] = draw(st.sampled_from(["256", "0.25 vCPU", "1vCPU", 512]))
        if draw(st.booleans()):
            document["memory"] = draw(st.sampled_from(["256", "0.5GB", "1 GB", 2048]))
        if draw(st.booleans()):
            document["placementConstraints"] = [{"type": "memberOf", "expression": "attribute:x == y"}]
    document |= draw(mostly_absent({
        "taskRoleArn": st.sampled_from(["app", "arn:aws:iam::123456789012:role/app"]),
        "runtimePlatform": st.just({"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"}),
        "tags": unique(st.fixed_dictionaries({"key": NAMES}, optional={"value": NAMES}), "key").filter(
            lambda tags: not any(tag["key"].lower().startswith("aws:") for tag in tags)
        ),
    }))  # fmt: skip
    listed = draw(volumes(fargate))
    if listed:
        document["volumes"] = listed
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    numbers = draw(st.lists(st.integers(1, 65535), min_size=8, max_size=8, unique=True))
    volume_names = [volume["name"] for volume in listed]
    document["containerDefinitions"] = [
        draw(containers(name, mode, fargate, "memory" in document, volume_names, numbers)) for name in names
    ]
    if any("secrets" in one or "repositoryCredentials" in one for one in document["containerDefinitions"]):
        document["executionRoleArn"] = draw(
            st.sampled_from(["puller", "arn:aws:iam::123456789012:role/puller"])
        )
    for position, container in enumerate(document["containerDefinitions"][1:], start=1):
        container["essential"] = draw(st.booleans())
        earlier = document["containerDefinitions"][draw(st.integers(0, position - 1))]
        conditions = ["START"]
        if earlier.get("healthCheck", {}).get("command", ["NONE"])[0] != "NONE":
            conditions.append("HEALTHY")
        if earlier.get("essential", True) is False:
            conditions += ["COMPLETE", "SUCCESS"]
        if draw(st.booleans()):
            container["dependsOn"] = [
                {"containerName": earlier["name"], "condition": draw(st.sampled_from(conditions))}
            ]
    return copy.deepcopy(document)  # tests may write into it; some parts are shared constants
