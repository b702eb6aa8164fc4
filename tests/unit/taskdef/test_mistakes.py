"""One mistake each: the place it is told at, and the words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.taskdef.examples import container, document, mistakes

C = "containerDefinitions[0]"

# (members of the container, place under the container, part of the message)
CONTAINER_MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"name": "a b"}, "name", "letters, digits"),
    ({"name": "a\n"}, "name", "letters, digits"),
    ({"image": "nginx/Upper"}, "image", "not an image reference"),
    ({"image": "nginx@sha256:abc"}, "image", "not an image reference"),
    ({"image": "a" * 256}, "image", "256 characters before the digest"),
    ({"image": ""}, "image", "must not be empty"),
    ({"cpu": -1}, "cpu", "between 0 and 262144"),
    ({"cpu": True}, "cpu", "whole number, not a boolean"),
    ({"cpu": "1"}, "cpu", "whole number, not a string"),
    ({"memory": 5}, "memory", "Docker gives no container less than 6 MiB"),
    ({"memoryReservation": 129}, "memoryReservation", "more than the hard limit"),
    ({"command": "ls"}, "command", "must be a list"),
    ({"command": ["a\0b"]}, "command[0]", "NUL"),
    ({"command": ["\ud800"]}, "command[0]", "Unicode"),
    ({"command": [None]}, "command[0]", "not null"),
    ({"workingDirectory": "app"}, "workingDirectory", "absolute"),
    ({"user": "-1"}, "user", "user:group"),
    ({"user": "a:b:c"}, "user", "user:group"),
    ({"environment": [{"name": "A=B", "value": ""}]}, "environment[0].name", "equals sign"),
    ({"environment": [{"name": "A"}, {"name": "A"}]}, "environment[1].name", "already given"),
    ({"environment": [{"name": "A", "value": 1}]}, "environment[0].value", "must be a string, not a number"),
    ({"environment": {"A": "1"}}, "environment", "must be a list"),
    ({"portMappings": [{"containerPort": 0}]}, "portMappings[0].containerPort", "between 1 and 65535"),
    ({"portMappings": [{"containerPort": 80, "protocol": "TCP"}]}, "portMappings[0].protocol", "did you mean tcp"),
    ({"portMappings": [{"containerPort": 80, "name": "-x"}]}, "portMappings[0].name", "small letters"),
    ({"portMappings": [{"containerPort": 80, "appProtocol": "http"}]}, "portMappings[0].appProtocol", "not supported"),
    ({"portMappings": [{"containerPort": 1, "containerPortRange": "1-2"}]},
     "portMappings[0].containerPortRange", "not supported"),
    ({"portMappings": [{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]},
     "portMappings[1].name", "already used"),
    ({"portMappings": [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81, "hostPort": 8080}]},
     "portMappings[1].hostPort", "8080/tcp is already taken"),
    ({"healthCheck": {}}, "healthCheck.command", "is required"),
    ({"healthCheck": {"command": []}}, "healthCheck.command", "must not be empty"),
    ({"healthCheck": {"command": ["curl", "-f"]}}, "healthCheck.command", "must start with CMD"),
    ({"healthCheck": {"command": ["CMD"]}}, "healthCheck.command", "needs a program"),
    ({"healthCheck": {"command": ["CMD-SHELL", "curl", "x"]}}, "healthCheck.command", "exactly one string"),
    ({"healthCheck": {"command": ["NONE", "x"]}}, "healthCheck.command", "nothing after NONE"),
    ({"healthCheck": {"command": ["CMD", "x"], "interval": 4}}, "healthCheck.interval", "between 5 and 300"),
    ({"healthCheck": {"command": ["CMD", "x"], "timeout": 61}}, "healthCheck.timeout", "between 2 and 60"),
    ({"healthCheck": {"command": ["CMD", "x"], "retries": 0}}, "healthCheck.retries", "between 1 and 10"),
    ({"healthCheck": {"command": ["CMD", "x"], "startPeriod": 301}}, "healthCheck.startPeriod", "between 0 and 300"),
    ({"dependsOn": [{"containerName": "web", "condition": "START"}]}, "dependsOn[0].containerName", "itself"),
    ({"dependsOn": [{"containerName": "wep", "condition": "START"}]}, "dependsOn[0].containerName", "no container"),
    ({"dependsOn": [{"condition": "START"}]}, "dependsOn[0].containerName", "is required"),
    ({"mountPoints": [{"sourceVolume": "x", "containerPath": "/x"}]}, "mountPoints[0].sourceVolume", "no volume"),
    ({"linuxParameters": {"capabilities": {"add": ["SYS_ADMN"]}}}, "linuxParameters.capabilities.add[0]",
     "did you mean SYS_ADMIN"),
    ({"linuxParameters": {"capabilities": {"add": ["KILL"], "drop": ["KILL"]}}}, "linuxParameters.capabilities",
     "both added and dropped"),
    ({"linuxParameters": {"devices": [{"hostPath": "sda"}]}}, "linuxParameters.devices[0].hostPath", "absolute"),
    ({"linuxParameters": {"devices": [{"hostPath": "/dev/x", "permissions": ["rwm"]}]}},
     "linuxParameters.devices[0].permissions[0]", "not one of read"),
    ({"linuxParameters": {"tmpfs": [{"containerPath": "/t"}]}}, "linuxParameters.tmpfs[0].size", "is required"),
    ({"linuxParameters": {"tmpfs": [{"containerPath": "/", "size": 1}]}}, "linuxParameters.tmpfs[0].containerPath",
     "must not be the root"),
    ({"linuxParameters": {"tmpfs": [{"containerPath": "/t", "size": 1, "mountOptions": ["noexecute"]}]}},
     "linuxParameters.tmpfs[0].mountOptions[0]", "did you mean noexec"),
    ({"linuxParameters": {"tmpfs": [{"containerPath": "/t", "size": 1, "mountOptions": ["mode"]}]}},
     "linuxParameters.tmpfs[0].mountOptions[0]", "mode=1777"),
    ({"linuxParameters": {"tmpfs": [{"containerPath": "/t", "size": 1, "mountOptions": ["bind"]}]}},
     "linuxParameters.tmpfs[0].mountOptions[0]", "not a tmpfs mount option"),
    ({"linuxParameters": {"swappiness": 10}}, "linuxParameters.swappiness", "maxSwap"),
    ({"memory": None, "memoryReservation": 64, "linuxParameters": {"maxSwap": 10}}, "linuxParameters.maxSwap",
     "hard limit"),
    ({"ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 5}]}, "ulimits[0].softLimit", "hard limit (5)"),
    ({"ulimits": [{"name": "nofile", "softLimit": -1, "hardLimit": 5}]}, "ulimits[0].softLimit", "hard limit (5)"),
    ({"ulimits": [{"name": "files", "softLimit": 1, "hardLimit": 1}]}, "ulimits[0].name", "nofile"),
    ({"dockerLabels": {"slipway.installation": "x"}}, "dockerLabels.slipway.installation", "Slipway alone"),
    ({"dockerLabels": {"com.amazonaws.ecs.task-arn": "x"}}, "dockerLabels.com.amazonaws.ecs.task-arn", "Slipway alone"),
    ({"dockerLabels": {"x": 1}}, "dockerLabels.x", "must be a string"),
    ({"logConfiguration": {"logDriver": "awslogs"}}, "logConfiguration.options.awslogs-group", "is required"),
    ({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-datetime-format": "x"}}},
     "logConfiguration.options.awslogs-datetime-format", "not supported yet"),
    ({"logConfiguration": {"logDriver": "json-file", "options": {"max_size": "1m"}}},
     "logConfiguration.options.max_size", "did you mean max-size"),
    ({"logConfiguration": {"logDriver": "json-file", "options": {"max-size": "big"}}},
     "logConfiguration.options.max-size", "10m"),
    ({"logConfiguration": {"logDriver": "awsfirelens"}}, "logConfiguration.logDriver", "not supported yet"),
    ({"logConfiguration": {"logDriver": "json-file", "secretOptions": [{"name": "a", "valueFrom": "b"}]}},
     "logConfiguration.secretOptions", "have no use with json-file"),
    ({"logConfiguration": {"logDriver": "splunk", "options": {"a": "x"},
                           "secretOptions": [{"name": "a", "valueFrom": "b"}]}},
     "logConfiguration.secretOptions[0].name", "an option already"),
    ({"secrets": [{"name": "A"}]}, "secrets[0].valueFrom", "is required"),
    ({"secrets": [{"name": "A=", "valueFrom": "b"}]}, "secrets[0].name", "equals sign"),
    ({"secrets": [{"name": "A", "valueFrom": "b"}, {"name": "A", "valueFrom": "c"}]},
     "secrets[1].name", "already given"),
    ({"environment": [{"name": "A"}], "secrets": [{"name": "A", "valueFrom": "b"}]}, "secrets[0].name",
     "not shared with any new or existing environment variables"),
    ({"secrets": [{"name": "A", "valueFrom": "arn:aws:s3:::x"}]}, "secrets[0].valueFrom",
     "of a secret or of a parameter"),
    ({"repositoryCredentials": {}}, "repositoryCredentials.credentialsParameter", "is required"),
    ({"repositoryCredentials": {"credentialsParameter": "arn:aws:ssm:r:1:parameter/x"}},
     "repositoryCredentials.credentialsParameter", "must be the ARN or the name of a secret"),
    ({"systemControls": [{"namespace": "kernel.panic", "value": "1"}]}, "systemControls[0].namespace", "not belong"),
    ({"systemControls": [{"namespace": "net.core.somaxconn", "value": 1}]}, "systemControls[0].value", "a string"),
    ({"extraHosts": [{"hostname": "db", "ipAddress": "10.0.0"}]}, "extraHosts[0].ipAddress", "IPv4 or IPv6"),
    ({"dnsServers": ["dns.example"]}, "dnsServers[0]", "IPv4 or IPv6"),
    ({"dnsSearchDomains": ["a b"]}, "dnsSearchDomains[0]", "not a domain"),
    ({"hostname": "-x"}, "hostname", "host name"),
    ({"restartPolicy": {}}, "restartPolicy.enabled", "is required"),
    ({"restartPolicy": {"enabled": True, "restartAttemptPeriod": 59}}, "restartPolicy.restartAttemptPeriod",
     "between 60 and 1800"),
    ({"restartPolicy": {"enabled": True, "ignoredExitCodes": [256]}}, "restartPolicy.ignoredExitCodes[0]", "255"),
    ({"restartPolicy": {"enabled": True, "ignoredExitCodes": list(range(51))}}, "restartPolicy.ignoredExitCodes",
     "50 at most"),
    ({"dockerSecurityOptions": ["credentialspec:x"]}, "dockerSecurityOptions[0]", "no-new-privileges"),
    ({"stopTimeout": -1}, "stopTimeout", "between 0"),
    ({"startTimeout": 0}, "startTimeout", "between 1"),
    ({"versionConsistency": "disabled"}, "versionConsistency", "not supported yet"),
    ({"links": ["db"]}, "links", "links is not supported"),
    ({"volumesFrom": [{"sourceContainer": "x"}]}, "volumesFrom", "volumesFrom is not supported"),
    ({"disableNetworking": True}, "disableNetworking", "network mode none"),
    ({"resourceRequirements": [{"type": "GPU", "value": "0"}]}, "resourceRequirements[0].value", "not a whole"),
    ({"resourceRequirements": [{"type": "GPU", "value": "2x"}]}, "resourceRequirements[0].value", "number of GPUs"),
    ({"resourceRequirements": [{"type": "GPU", "value": "1"}] * 2}, "resourceRequirements[1].type", "already given"),
    ({"resourceRequirements": [{"type": "InferenceAccelerator", "value": "1"}]}, "resourceRequirements[0].type",
     "InferenceAccelerator is not supported yet"),
    ({"firelensConfiguration": {"type": "fluentd"}}, "firelensConfiguration", "not supported yet"),
    ({"environmentFiles": [{"value": "x", "type": "s3"}]}, "environmentFiles", "not supported yet"),
    ({"credentialSpecs": ["x"]}, "credentialSpecs", "not supported yet"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("members", "place", "message"), CONTAINER_MISTAKES, ids=lambda value: str(value)[:50]
)
def test_container_mistakes(members: dict[str, Any], place: str, message: str) -> None:
    found = mistakes(document(container(**members), executionRoleArn="puller"))
    assert list(found) == [f"{C}.{place}"], found
    assert message in found[f"{C}.{place}"]


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"secrets": [{"name": "A", "valueFrom": "b"}]}, "container secrets"),
        ({"repositoryCredentials": {"credentialsParameter": "b"}}, "repository credentials"),
        (
            {"logConfiguration": {"logDriver": "splunk", "secretOptions": [{"name": "a", "valueFrom": "b"}]}},
            "log driver secrets",
        ),
    ],
)
def test_somebody_must_fetch_secrets(members: dict[str, Any], what: str) -> None:
    assert mistakes(document(container(**members))) == {
        "executionRoleArn": f"When you are specifying {what}, you must also specify a value for 'executionRoleArn'."
    }
    assert mistakes(document(container(**members), executionRoleArn="puller")) == {}


# (members of the task, place, part of the message)
TASK_MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"family": ""}, "family", "must not be empty"),
    ({"family": "a/b"}, "family", "letters, digits"),
    ({"family": "x" * 256}, "family", "255 at most"),
    ({"containerDefinitions": []}, "containerDefinitions", "must not be empty"),
    ({"containerDefinitions": [container(f"c{i}") for i in range(11)]}, "containerDefinitions", "10 at most"),
    ({"containerDefinitions": [container(), container()]}, "containerDefinitions[1].name", "already given"),
    ({"containerDefinitions": [container(essential=False)]}, "containerDefinitions", "must be essential"),
    ({"requiresCompatibilities": ["EXTERNAL"]}, "requiresCompatibilities[0]", "EXTERNAL is not supported yet"),
    ({"requiresCompatibilities": ["MANAGED_INSTANCES"]}, "requiresCompatibilities[0]", "not supported yet"),
    ({"requiresCompatibilities": ["EC2", "EC2"]}, "requiresCompatibilities[1]", "already given"),
    ({"volumes": [{"name": "a"}, {"name": "a"}]}, "volumes[1].name", "already given"),
    ({"volumes": [{"name": "a", "host": {"sourcePath": "data"}}]}, "volumes[0].host.sourcePath", "absolute"),
    ({"volumes": [{"name": "a", "host": {"sourcePath": "/x/../etc"}}]}, "volumes[0].host.sourcePath", ".."),
    ({"volumes": [{"name": "a", "host": {"sourcePath": "/x"}, "dockerVolumeConfiguration": {}}]}, "volumes[0]",
     "exclude each other"),
    ({"volumes": [{"name": "a", "dockerVolumeConfiguration": {"autoprovision": True}}]},
     "volumes[0].dockerVolumeConfiguration.autoprovision", "scope shared only"),
    ({"volumes": [{"name": "a", "efsVolumeConfiguration": {"fileSystemId": "x"}}]}, "volumes[0].efsVolumeConfiguration",
     "not supported yet"),
    ({"volumes": [{"name": "a", "configuredAtLaunch": True}]}, "volumes[0].configuredAtLaunch", "not supported yet"),
    ({"placementConstraints": [{"type": "distinctInstance", "expression": "attribute:x exists"}]},
     "placementConstraints[0].type", "memberOf"),
    ({"placementConstraints": [{"type": "memberOf", "expression": "attribute:a is b"}]},
     "placementConstraints[0].expression", "at character 13: expected an operator"),
    ({"placementConstraints": [{"type": "memberOf"}]}, "placementConstraints[0].expression", "is required"),
    ({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
     "runtimePlatform.operatingSystemFamily", "not supported yet"),
    ({"runtimePlatform": {"cpuArchitecture": "x86_64"}}, "runtimePlatform.cpuArchitecture", "did you mean X86_64"),
    ({"tags": [{"key": "AWS:x"}]}, "tags[0].key", "reserved"),
    ({"tags": [{"key": "a"}, {"key": "a"}]}, "tags[1].key", "already given"),
    ({"tags": [{"key": "a!"}]}, "tags[0].key", "letters, digits"),
    ({"pidMode": "host"}, "pidMode", "pidMode is not supported yet by this version of Slipway"),
    ({"ipcMode": "host"}, "ipcMode", "not supported yet"),
    ({"taskRoleArn": "no role!"}, "taskRoleArn", "neither the name nor the ARN of a role"),
    ({"executionRoleArn": "arn:aws:s3:::x"}, "executionRoleArn", "neither the name nor the ARN of a role"),
    ({"proxyConfiguration": {"containerName": "x"}}, "proxyConfiguration", "not supported yet"),
    ({"ephemeralStorage": {"sizeInGiB": 30}}, "ephemeralStorage", "not supported yet"),
    ({"inferenceAccelerators": [{"deviceName": "x"}]}, "inferenceAccelerators", "not supported yet"),
    ({"enableFaultInjection": True}, "enableFaultInjection", "not supported yet"),
    ({"revision": 3}, "revision", "set by Slipway"),
    ({"memory": "100"}, f"{C}.memory", "more than the task's memory (100 MiB)"),
    ({"memory": "200", "containerDefinitions": [container(), container("b")]}, "memory", "256 MiB together"),
    ({"cpu": "128", "containerDefinitions": [container(cpu=100), container("b", cpu=29)]}, "cpu", "129 CPU units"),
    ({"networkMode": "none", "containerDefinitions": [container(portMappings=[{"containerPort": 1}])]},
     f"{C}.portMappings", "networkMode=none"),
    ({"networkMode": "awsvpc", "containerDefinitions": [container(portMappings=[{"containerPort": 1, "hostPort": 2}])]},
     f"{C}.portMappings[0].hostPort", "must be 1"),
    ({"networkMode": "awsvpc", "containerDefinitions": [container(hostname="x")]}, f"{C}.hostname",
     "hostname is not supported on container when networkMode=awsvpc."),
    ({"networkMode": "awsvpc", "containerDefinitions": [
        container(extraHosts=[{"hostname": "a", "ipAddress": "::1"}])]}, f"{C}.extraHosts", "awsvpc"),
    ({"networkMode": "host", "containerDefinitions": [
        container(systemControls=[{"namespace": "net.core.somaxconn", "value": "1"}])]},
     f"{C}.systemControls[0].namespace", "networkMode=host"),
    ({"networkMode": "awsvpc", "containerDefinitions": [
        container(portMappings=[{"containerPort": 80}]), container("b", portMappings=[{"containerPort": 80}])]},
     "containerDefinitions[1].portMappings[0].containerPort", "already taken"),
    ({"networkMode": "awsvpc", "containerDefinitions": [
        container(dnsServers=["10.0.0.1"]), container("b", dnsServers=["10.0.0.2"])]},
     "containerDefinitions[1].dnsServers", "share one network"),
    ({"volumes": [{"name": "a"}], "containerDefinitions": [container(
        mountPoints=[{"sourceVolume": "a", "containerPath": "/d"}],
        linuxParameters={"tmpfs": [{"containerPath": "/d/", "size": 1}]})]},
     f"{C}.linuxParameters.tmpfs[0].containerPath", "already mounted"),
]  # fmt: skip


@pytest.mark.parametrize(("members", "place", "message"), TASK_MISTAKES, ids=lambda value: str(value)[:50])
def test_task_mistakes(members: dict[str, Any], place: str, message: str) -> None:
    found = mistakes({**document(), **members})
    assert list(found) == [place], found
    assert message in found[place]
