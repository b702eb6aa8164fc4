"""The members of a task definition that Slipway runs, as tables: kinds, limits, defaults, and what is refused.

Names, limits and defaults are those of ECS's service model (RegisterTaskDefinitionRequest). What depends on
several members at once is in `rules.py` and `fargate.py`. docs/task-definitions.md tells them to people; a
test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.taskdef import words
from services.taskdef.expression import Expression
from services.taskdef.schema import Field, Flag, Kind, ListOf, MapOf, Refused, Struct, Text, Whole
from services.taskdef.sizes import CpuSize, MemorySize

NAME = Text(max_length=255, pattern=words.NAME, rule=words.NAME_RULE)
ABSOLUTE = Text(max_length=4096, pattern=words.ABSOLUTE, rule=words.ABSOLUTE_RULE)
FREE = Text(min_length=0)
ROLE = Text(min_length=0, max_length=2048, pattern=words.ROLE, rule=words.ROLE_RULE)
MEMORY = Whole(6, unit="MiB", why=words.MEMORY_WHY)
OFF = Refused(neutral=(False,))

# What DescribeTaskDefinition adds to a document: set by Slipway, so not part of a request.
ANSWER_ONLY = (
    "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt",
    "registeredBy", "deregisteredAt", "deleteRequestedAt",
)  # fmt: skip
_SET_BY_US = Refused("is set by Slipway when the revision is registered: leave it out", neutral=())

PORT_MAPPING = Struct({
    "containerPort": Field(Whole(1, 65535), "the port the container listens on", required=True),
    "hostPort": Field(Whole(0, 65535), "the instance's port; 0 or absent: chosen at start", default=0),
    "protocol": Field(Text(choices=words.PROTOCOLS), "tcp or udp", default="tcp"),
    "name": Field(
        Text(max_length=64, pattern=words.PORT_NAME, rule="may hold small letters, digits, _ and inner - only"),
        "a name for this port, unique in the task",
    ),
    "appProtocol": Refused(),
    "containerPortRange": Refused(),
})  # fmt: skip

HEALTH_CHECK = Struct({
    "command": Field(ListOf(FREE, minimum=1), "CMD and arguments, CMD-SHELL and one line, or NONE", required=True),
    "interval": Field(Whole(5, 300, "seconds"), "seconds between two checks", default=30),
    "timeout": Field(Whole(2, 60, "seconds"), "seconds until a check counts as failed", default=5),
    "retries": Field(Whole(1, 10), "failures in a row until UNHEALTHY", default=3),
    "startPeriod": Field(Whole(0, 300, "seconds"), "seconds during which failures do not count", default=0),
})  # fmt: skip

DEPENDENCY = Struct({
    "containerName": Field(NAME, "the container waited for", required=True),
    "condition": Field(Text(choices=words.CONDITIONS), "what it is waited for", required=True),
})  # fmt: skip

MOUNT_POINT = Struct({
    "sourceVolume": Field(NAME, "the name of one of the task's volumes", required=True),
    "containerPath": Field(ABSOLUTE, "where it appears in the container", required=True),
    "readOnly": Field(Flag(), "whether the container may only read", default=False),
})  # fmt: skip

DEVICE = Struct({
    "hostPath": Field(ABSOLUTE, "the device on the instance", required=True),
    "containerPath": Field(ABSOLUTE, "where it appears in the container; default: the same path"),
    "permissions": Field(
        ListOf(Text(choices=("read", "write", "mknod")), minimum=1, unique=("",)),
        "what the container may do with it",
        default=["read", "write", "mknod"],
    ),
})  # fmt: skip

TMPFS = Struct({
    "containerPath": Field(ABSOLUTE, "where it appears in the container", required=True),
    "size": Field(Whole(1, unit="MiB"), "its size at most, MiB", required=True),
    "mountOptions": Field(ListOf(Text()), "mount options, such as noexec or mode=1777", drop_empty=True),
})  # fmt: skip

_CAPABILITIES = ListOf(Text(choices=words.CAPABILITIES), unique=("",))
LINUX_PARAMETERS = Struct({
    "capabilities": Field(
        Struct({
            "add": Field(_CAPABILITIES, "capabilities given beyond Docker's default ones", drop_empty=True),
            "drop": Field(_CAPABILITIES, "capabilities taken away", drop_empty=True),
        }),
        "Linux capabilities",
        drop_empty=True,
    ),
    "devices": Field(ListOf(DEVICE), "devices of the instance", drop_empty=True),
    "initProcessEnabled": Field(Flag(), "run an init process that forwards signals and reaps children"),
    "sharedMemorySize": Field(Whole(1, unit="MiB"), "size of /dev/shm, MiB"),
    "tmpfs": Field(ListOf(TMPFS, unique=("containerPath",)), "mounts in memory", drop_empty=True),
    "maxSwap": Field(Whole(0, unit="MiB"), "swap beyond the memory limit, MiB; 0: none"),
    "swappiness": Field(Whole(0, 100), "how readily memory is swapped; needs maxSwap"),
})  # fmt: skip

RESTART_POLICY = Struct({
    "enabled": Field(Flag(), "restart the container alone, without replacing the task", required=True),
    "ignoredExitCodes": Field(
        ListOf(Whole(0, 255), maximum=50, unique=("",)), "exit codes after which it stays stopped", default=[]
    ),
    "restartAttemptPeriod": Field(
        Whole(60, 1800, "seconds"),
        "seconds it must have run to be restarted",
        default=words.DEFAULT_RESTART_PERIOD,
    ),
})  # fmt: skip

SECRET = Struct({
    "name": Field(
        Text(pattern=words.ENV_NAME, rule="must not hold an equals sign"), "the variable (or log option)", required=True
    ),
    "valueFrom": Field(Text(max_length=2048), "the secret or parameter", required=True),
})  # fmt: skip

REPOSITORY_CREDENTIALS = Struct({
    "credentialsParameter": Field(
        Text(max_length=2048), "the secret with the registry's user name and password", required=True
    ),
})  # fmt: skip

LOG_CONFIGURATION = Struct({
    "logDriver": Field(
        Text(choices=words.LOG_DRIVERS, later=words.LATER_LOG_DRIVERS), "where the output goes", required=True
    ),
    "options": Field(MapOf(FREE), "the log driver's options", drop_empty=True),
    "secretOptions": Field(
        ListOf(SECRET, unique=("name",)), "options whose values come from secrets or parameters", drop_empty=True
    ),
})  # fmt: skip

ULIMIT = Struct({
    "name": Field(Text(choices=words.ULIMITS), "which limit", required=True),
    "softLimit": Field(Whole(-1, 2**63 - 1), "what the process starts with; -1: unlimited", required=True),
    "hardLimit": Field(Whole(-1, 2**63 - 1), "up to where it may raise it; -1: unlimited", required=True),
})  # fmt: skip

RESOURCE_REQUIREMENT = Struct({
    "type": Field(Text(choices=("GPU",), later=("InferenceAccelerator", "NeuronDevice")), "always GPU", required=True),
    "value": Field(
        Text(later=("ALL",), pattern=words.GPU_COUNT, rule="is not a whole number of GPUs from 1 to 999"),
        "how many", required=True,
    ),
    "sharingStrategy": Refused(),
})  # fmt: skip

SYSTEM_CONTROL = Struct({
    "namespace": Field(
        Text(max_length=255, pattern=words.SYSTEM_CONTROL, rule="is not a kernel parameter such as net.core.somaxconn"),
        "the kernel parameter",
        required=True,
    ),
    "value": Field(Text(max_length=4096), "its value", required=True),
})  # fmt: skip

EXTRA_HOST = Struct({
    "hostname": Field(
        Text(max_length=253, pattern=words.EXTRA_HOST, rule="is not a host name"), "the name", required=True
    ),
    "ipAddress": Field(Text(max_length=45), "its IPv4 or IPv6 address", required=True),
})  # fmt: skip

ENVIRONMENT = Struct({
    "name": Field(
        Text(pattern=words.ENV_NAME, rule="must not hold an equals sign"), "the variable", required=True
    ),
    "value": Field(FREE, "its value; absent: the empty string", default=""),
})  # fmt: skip

CONTAINER = Struct({
    "name": Field(NAME, "the container's name, unique in the task", required=True),
    "image": Field(
        Text(max_length=255 + 72, pattern=words.IMAGE, rule=words.IMAGE_RULE), "the image it runs", required=True
    ),
    "cpu": Field(Whole(0, 262144, "CPU units"), "CPU units reserved, and its ceiling; 1024 = one core", default=0),
    "memory": Field(MEMORY, "hard limit, MiB: beyond it the kernel kills the container"),
    "memoryReservation": Field(MEMORY, "soft limit, MiB: what is reserved on the instance"),
    "essential": Field(Flag(), "whether the task stops when this container stops", default=True),
    "entryPoint": Field(ListOf(FREE), "replaces the image's ENTRYPOINT", drop_empty=True),
    "command": Field(ListOf(FREE), "replaces the image's CMD", drop_empty=True),
    "workingDirectory": Field(ABSOLUTE, "the directory commands run in"),
    "user": Field(Text(max_length=255, pattern=words.USER, rule=words.USER_RULE), "who runs in the container"),
    "environment": Field(ListOf(ENVIRONMENT, unique=("name",)), "environment variables", default=[]),
    "portMappings": Field(ListOf(PORT_MAPPING, maximum=100), "ports it listens on", default=[]),
    "healthCheck": Field(HEALTH_CHECK, "the command that tells whether it is well"),
    "dependsOn": Field(
        ListOf(DEPENDENCY, unique=("containerName", "condition")), "containers waited for at start",
        drop_empty=True,
    ),
    "mountPoints": Field(ListOf(MOUNT_POINT, unique=("containerPath",)), "volumes it mounts", default=[]),
    "readonlyRootFilesystem": Field(Flag(), "whether its own file system is read-only"),
    "linuxParameters": Field(LINUX_PARAMETERS, "capabilities, devices, shared memory, tmpfs, swap", drop_empty=True),
    "privileged": Field(Flag(), "root's powers on the instance"),
    "dockerSecurityOptions": Field(
        ListOf(Text(pattern=words.SECURITY_OPTION, rule=words.SECURITY_OPTION_RULE), unique=("",)),
        "AppArmor, SELinux and no-new-privileges", drop_empty=True,
    ),
    "ulimits": Field(ListOf(ULIMIT, unique=("name",)), "limits of its processes", drop_empty=True),
    "systemControls": Field(ListOf(SYSTEM_CONTROL, unique=("namespace",)), "kernel parameters of its own", default=[]),
    "startTimeout": Field(Whole(1, 86400, "seconds"), "seconds until those that wait for it give up"),
    "stopTimeout": Field(Whole(0, 86400, "seconds"), "seconds from SIGTERM to SIGKILL; default 30"),
    "restartPolicy": Field(RESTART_POLICY, "restart this container without replacing the task"),
    "logConfiguration": Field(LOG_CONFIGURATION, "where its output goes"),
    "dockerLabels": Field(MapOf(FREE), "labels put on the container", drop_empty=True),
    "hostname": Field(
        Text(max_length=63, pattern=words.HOST_NAME, rule=words.HOST_NAME_RULE), "the container's host name"
    ),
    "extraHosts": Field(ListOf(EXTRA_HOST), "lines added to its /etc/hosts", drop_empty=True),
    "dnsServers": Field(ListOf(Text(max_length=45), unique=("",)), "DNS servers it asks", drop_empty=True),
    "dnsSearchDomains": Field(
        ListOf(Text(max_length=253, pattern=words.SEARCH_DOMAIN, rule="is not a domain"), unique=("",)),
        "domains tried for short names", drop_empty=True,
    ),
    "interactive": Field(Flag(), "keep standard input open"),
    "pseudoTerminal": Field(Flag(), "give it a terminal"),
    "versionConsistency": Field(
        Text(choices=("enabled",), later=("disabled",)), "run the digest the tag had when the deployment began"
    ),
    "links": Refused("is not supported by Slipway: Docker has retired links; containers of one awsvpc task "
                     "reach each other at localhost"),
    "volumesFrom": Refused("is not supported by Slipway: mount the same volume in both containers"),
    "disableNetworking": Refused("is not supported by Slipway: use the network mode none", neutral=(False,)),
    "secrets": Field(
        ListOf(SECRET, unique=("name",)), "environment variables from secrets and parameters", drop_empty=True
    ),
    "repositoryCredentials": Field(REPOSITORY_CREDENTIALS, "who asks a private registry", drop_empty=True),
    "environmentFiles": Refused(),
    "resourceRequirements": Field(
        ListOf(RESOURCE_REQUIREMENT, unique=("type",)), "GPUs of the instance that are its own", drop_empty=True
    ),
    "firelensConfiguration": Refused(),
    "credentialSpecs": Refused(),
})  # fmt: skip

DOCKER_VOLUME = Struct({
    "scope": Field(Text(choices=("task", "shared")), "task: removed with the task; shared: kept", default="task"),
    "autoprovision": Field(Flag(), "create a shared volume that is not there; default false"),
    "driver": Field(Text(max_length=255), "Docker's volume driver", default="local"),
    "driverOpts": Field(MapOf(FREE), "the volume driver's options", drop_empty=True),
    "labels": Field(MapOf(FREE), "labels put on the volume", drop_empty=True),
})  # fmt: skip

VOLUME = Struct({
    "name": Field(NAME, "the name mount points refer to", required=True),
    "host": Field(
        Struct({"sourcePath": Field(ABSOLUTE, "a path of the instance, mounted as it is")}),
        "a path of the instance; empty: a volume that lives as long as the task",
    ),
    "dockerVolumeConfiguration": Field(DOCKER_VOLUME, "a volume managed by Docker"),
    "efsVolumeConfiguration": Refused(),
    "s3filesVolumeConfiguration": Refused(),
    "fsxWindowsFileServerVolumeConfiguration": Refused(),
    "configuredAtLaunch": OFF,
})  # fmt: skip

PLACEMENT_CONSTRAINT = Struct({
    "type": Field(Text(choices=("memberOf",)), "always memberOf", required=True),
    "expression": Field(Expression(), "a cluster query language expression", required=True),
})  # fmt: skip

RUNTIME_PLATFORM = Struct({
    "operatingSystemFamily": Field(Text(choices=("LINUX",), later=words.WINDOWS_FAMILIES), "always LINUX"),
    "cpuArchitecture": Field(Text(choices=words.ARCHITECTURES), "the instances' processors: X86_64 or ARM64"),
})  # fmt: skip

TAG = Struct({
    "key": Field(Text(max_length=128, pattern=words.TAG_TEXT, rule=words.TAG_RULE), "the key", required=True),
    "value": Field(
        Text(min_length=0, max_length=256, pattern=words.TAG_TEXT, rule=words.TAG_RULE), "the value", default=""
    ),
})  # fmt: skip

DOCUMENT = Struct({
    "family": Field(NAME, "the name its revisions share", required=True),
    "networkMode": Field(Text(choices=words.NETWORK_MODES), "how its containers are networked", default="bridge"),
    "requiresCompatibilities": Field(
        ListOf(Text(choices=words.COMPATIBILITIES, later=words.LATER_COMPATIBILITIES), unique=("",)),
        "launch types it is checked against", drop_empty=True,
    ),
    "cpu": Field(CpuSize(), "the whole task's CPU: units or vCPU"),
    "memory": Field(MemorySize(), "the whole task's memory: MiB or GB"),
    "containerDefinitions": Field(
        ListOf(CONTAINER, minimum=1, maximum=10, unique=("name",)), "the task's containers", required=True
    ),
    "volumes": Field(ListOf(VOLUME, unique=("name",)), "what its containers may mount", default=[]),
    "placementConstraints": Field(
        ListOf(PLACEMENT_CONSTRAINT, maximum=10, unique=("expression",)), "which instances may run it", default=[]
    ),
    "runtimePlatform": Field(RUNTIME_PLATFORM, "the machines it runs on", drop_empty=True),
    "tags": Field(ListOf(TAG, maximum=50, unique=("key",)), "tags of the revision", drop_empty=True),
    "taskRoleArn": Field(ROLE, "the role its containers act as", drop_empty=True),
    "executionRoleArn": Field(ROLE, "the role that fetches secrets and images for it", drop_empty=True),
    "pidMode": Refused(),
    "ipcMode": Refused(),
    "proxyConfiguration": Refused(),
    "inferenceAccelerators": Refused(),
    "ephemeralStorage": Refused(),
    "enableFaultInjection": OFF,
    "trustedExecutionConfiguration": Refused(),
    **dict.fromkeys(ANSWER_ONLY, _SET_BY_US),
})  # fmt: skip


def structures(kind: Kind = DOCUMENT, path: str = "") -> Iterator[tuple[str, Struct]]:
    """Every object of the document with its path: ("", DOCUMENT), ("containerDefinitions[]", CONTAINER), …"""
    if isinstance(kind, ListOf):
        yield from structures(kind.item, f"{path}[]")
    elif isinstance(kind, Struct):
        yield path, kind
        for name, member in kind.fields.items():
            if isinstance(member, Field):
                yield from structures(member.kind, f"{path}.{name}" if path else name)
