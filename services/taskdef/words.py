"""The closed vocabularies and patterns of task definitions, as ECS's service model gives them."""

from __future__ import annotations

import re

NETWORK_MODES = ("bridge", "host", "awsvpc", "none")
COMPATIBILITIES = ("EC2", "FARGATE")
LATER_COMPATIBILITIES = ("EXTERNAL", "MANAGED_INSTANCES")
PROTOCOLS = ("tcp", "udp")
CONDITIONS = ("START", "COMPLETE", "SUCCESS", "HEALTHY")
ARCHITECTURES = ("X86_64", "ARM64")
WINDOWS_FAMILIES = (
    "WINDOWS_SERVER_2019_FULL", "WINDOWS_SERVER_2019_CORE", "WINDOWS_SERVER_2016_FULL",
    "WINDOWS_SERVER_2004_CORE", "WINDOWS_SERVER_2022_CORE", "WINDOWS_SERVER_2022_FULL",
    "WINDOWS_SERVER_2025_CORE", "WINDOWS_SERVER_2025_FULL", "WINDOWS_SERVER_20H2_CORE",
)  # fmt: skip
LOG_DRIVERS = ("awslogs", "json-file", "fluentd", "gelf", "journald", "splunk", "syslog")
LATER_LOG_DRIVERS = ("awsfirelens",)
ULIMITS = (
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
    "rtprio", "rttime", "sigpending", "stack",
)  # fmt: skip
CAPABILITIES = (
    "ALL", "AUDIT_CONTROL", "AUDIT_WRITE", "BLOCK_SUSPEND", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH",
    "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN",
    "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE",
    "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "SYSLOG",
    "WAKE_ALARM",
)  # fmt: skip
# ECS lists bind, rbind and remount too: on a tmpfs they mean nothing, or another mount than asked for.
TMPFS_OPTIONS = (
    "defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync",
    "mand", "nomand", "atime", "noatime", "diratime", "nodiratime", "unbindable", "runbindable",
    "private", "rprivate", "shared", "rshared", "slave", "rslave", "relatime", "norelatime", "strictatime",
    "nostrictatime",
)  # fmt: skip
TMPFS_SETTINGS = ("mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol")  # take a value: mode=1777
IPC_CONTROLS = (
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
    "kernel.shmmni", "kernel.shm_rmid_forced",
)  # fmt: skip

# The labels the ECS agent and Slipway put on containers themselves: what is ours is told by them.
RESERVED_LABELS = ("com.amazonaws.ecs.", "slipway.")

GPU_COUNT = re.compile(r"[1-9][0-9]{0,2}")
NAME = re.compile(r"[A-Za-z0-9_-]+")
NAME_RULE = "may hold letters, digits, hyphens and underscores only"
PORT_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]*")
ABSOLUTE = re.compile(r"/.*", re.DOTALL)
ABSOLUTE_RULE = "must be an absolute path"
ENV_NAME = re.compile(r"[^=]+")

# Docker's reference grammar. ECS allows capital letters in a repository's path, no engine does.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?/)"
_PART = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_TAG = r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})"
_DIGEST = r"(?:@sha256:[0-9a-f]{64})"
IMAGE = re.compile(rf"{_DOMAIN}?{_PART}(?:/{_PART})*{_TAG}?{_DIGEST}?")
IMAGE_RULE = (
    "is not an image reference: [registry/]repository[:tag][@sha256:digest], the repository in small letters"
)

_WHO = r"(?:[0-9]+|[A-Za-z_][A-Za-z0-9_.-]*\$?)"
USER = re.compile(rf"{_WHO}(?::{_WHO})?")
USER_RULE = "must be user, user:group, uid or uid:gid"

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOST_NAME = re.compile(rf"{_HOST}(?:\.{_HOST})*")
HOST_NAME_RULE = "must be a host name: letters, digits and inner hyphens, parts joined by dots"
SEARCH_DOMAIN = re.compile(rf"\.|{_HOST}(?:\.{_HOST})*\.?")
EXTRA_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")  # underscores: docker-compose habits

SECURITY_OPTION = re.compile(r"no-new-privileges|apparmor:[^\s:]+|label:\S+")
SECURITY_OPTION_RULE = "must be no-new-privileges, apparmor:PROFILE or label:VALUE"
SYSTEM_CONTROL = re.compile(r"[a-z0-9_]+(?:[./][A-Za-z0-9_-]+)+")
TAG_TEXT = re.compile(r"[\w\s.:/=+\-@]*")
TAG_RULE = "may hold letters, digits, spaces and . : / = + - @ _ only"

# IAM's alphabet; a role may be given by its name or its ARN.
ROLE = re.compile(r"(?:arn:aws:iam::[0-9]{12}:role/)?[A-Za-z0-9+=,.@_/-]+|")
ROLE_RULE = "is neither the name nor the ARN of a role"

DEFAULT_RESTART_PERIOD = 300  # seconds
MEMORY_WHY = "Docker gives no container less than 6 MiB"
