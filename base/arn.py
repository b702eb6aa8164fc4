"""Amazon Resource Names: parsing, formatting, and one builder per kind of resource. No Django here.

Shapes are those of AWS's Service Authorization Reference for Amazon ECS and IAM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

PARTITION = "aws"


class ArnError(ValueError):
    """The text is not an ARN."""


@dataclass(frozen=True, slots=True)
class Arn:
    """`arn:partition:service:region:account:resource`; region and account may be empty (IAM, S3)."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ArnError when `text` has not the six parts of an ARN."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn":
            raise ArnError(f"not an ARN: {text!r}")
        _, partition, service, region, account, resource = parts
        if not partition or not service or not resource:
            raise ArnError(f"not an ARN (empty partition, service or resource): {text!r}")
        return cls(partition, service, region, account, resource)

    @property
    def type(self) -> str:
        """The part of the resource before its first slash ("service"); the whole of it where there is none."""
        return self.resource.split("/", 1)[0]

    @property
    def path(self) -> tuple[str, ...]:
        """The parts of the resource after its type: ("web-cluster", "web") for a service."""
        return tuple(self.resource.split("/")[1:])

    @property
    def name(self) -> str:
        """The last part: a service's name, a task's id, "family:revision" of a task definition."""
        return self.resource.rsplit("/", 1)[-1]

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def is_arn(text: str) -> bool:
    """Whether `text` is meant as an ARN rather than as a name."""
    return text.startswith("arn:")


@dataclass(frozen=True, slots=True)
class Names:
    """Builds the ARNs of one account in one region.

    `base.here.names()` is the one of this installation.
    """

    account: str
    region: str
    partition: str = PARTITION

    def ecs(self, resource: str) -> str:
        return f"arn:{self.partition}:ecs:{self.region}:{self.account}:{resource}"

    def iam(self, resource: str) -> str:
        """IAM is global: its ARNs have no region."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"

    def cluster(self, name: str) -> str:
        return self.ecs(f"cluster/{name}")

    def service(self, cluster: str, name: str) -> str:
        return self.ecs(f"service/{cluster}/{name}")

    def task(self, cluster: str, task_id: str) -> str:
        return self.ecs(f"task/{cluster}/{task_id}")

    def container(self, cluster: str, task_id: str, container_id: str) -> str:
        return self.ecs(f"container/{cluster}/{task_id}/{container_id}")

    def container_instance(self, cluster: str, instance_id: str) -> str:
        return self.ecs(f"container-instance/{cluster}/{instance_id}")

    def task_definition(self, family: str, revision: int | str) -> str:
        """`revision` may be "*", for a policy or an authorization over a family."""
        return self.ecs(f"task-definition/{family}:{revision}")

    def daemon_task_definition(self, family: str, revision: int | str) -> str:
        return self.ecs(f"daemon-task-definition/{family}:{revision}")

    def daemon(self, cluster: str, name: str) -> str:
        return self.ecs(f"daemon/{cluster}/{name}")

    def daemon_deployment(self, cluster: str, daemon: str, deployment_id: str) -> str:
        return self.ecs(f"daemon-deployment/{cluster}/{daemon}/{deployment_id}")

    def daemon_revision(self, cluster: str, daemon: str, revision_id: str) -> str:
        return self.ecs(f"daemon-revision/{cluster}/{daemon}/{revision_id}")

    def service_deployment(self, cluster: str, service: str, deployment_id: str) -> str:
        return self.ecs(f"service-deployment/{cluster}/{service}/{deployment_id}")

    def service_revision(self, cluster: str, service: str, revision_id: str) -> str:
        return self.ecs(f"service-revision/{cluster}/{service}/{revision_id}")

    def task_set(self, cluster: str, service: str, task_set_id: str) -> str:
        """`task_set_id`: as ECS has it, "ecs-svc/1234567890123456789"."""
        return self.ecs(f"task-set/{cluster}/{service}/{task_set_id}")

    def capacity_provider(self, name: str) -> str:
        return self.ecs(f"capacity-provider/{name}")

    def user(self, name: str) -> str:
        return self.iam(f"user/{name}")

    def group(self, name: str) -> str:
        return self.iam(f"group/{name}")

    def role(self, name: str) -> str:
        return self.iam(f"role/{name}")

    def assumed_role(self, role: str, session: str) -> str:
        """A session of a role: what AssumeRole's caller becomes."""
        return f"arn:{self.partition}:sts::{self.account}:assumed-role/{role}/{session}"

    def account_root(self) -> str:
        """The account as a whole: every identity in it."""
        return self.iam("root")

    def policy(self, name: str, *, ready_made: bool = False) -> str:
        """Ready-made policies belong to no account, as AWS's managed ones."""
        if ready_made:
            return f"arn:{self.partition}:iam::aws:policy/{name}"
        return self.iam(f"policy/{name}")
