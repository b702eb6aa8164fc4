"""Task definitions, services, their revisions and deployments, tasks and their containers.

Names and states are ECS's own. Nested documents keep their AWS form (camelCase) in JSON columns.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from clusters.models import Cluster, ContainerInstance
from services.scheduler import model as words
from services.taskdef.overridden import overridden

EXTERNAL = "EXTERNAL"


def _choices(names: type) -> list[tuple[str, str]]:
    return [(str(name), str(name)) for name in names]  # type: ignore[attr-defined]


class NotOfDaemons(models.Manager[Any]):
    """Without what is of daemons, which has operations and lists of its own. `every` is with it."""

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(daemon=False)


class Family(models.Model):
    """A task definition's family. Holds the number of its newest revision, so numbers are never used twice."""

    name = models.CharField(max_length=255)
    newest = models.PositiveIntegerField(default=0)
    daemon = models.BooleanField(default=False)  # of daemon task definitions: names apart from the others'

    objects = NotOfDaemons()
    every = models.Manager["Family"]()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["name", "daemon"], name="one_family_of_each_kind_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class TaskDefinition(models.Model):
    """One immutable revision of a family."""

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"
        INACTIVE = "INACTIVE"
        DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"  # goes once no task and no service revision needs it

    family = models.ForeignKey(Family, on_delete=models.PROTECT, related_name="revisions")
    revision = models.PositiveIntegerField()
    arn = models.CharField(max_length=400, unique=True)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    document = models.JSONField()  # normalised, AWS form
    cpu = models.PositiveIntegerField(default=0)  # what one task reserves, units
    memory = models.PositiveIntegerField(default=0)  # MiB
    tags = models.JSONField(default=dict, blank=True)
    registered_at = models.DateTimeField(auto_now_add=True)
    registered_by = models.CharField(max_length=400, blank=True)
    deregistered_at = models.DateTimeField(null=True, blank=True)
    delete_requested_at = models.DateTimeField(null=True, blank=True)
    daemon = models.BooleanField(default=False)  # a daemon task definition, as its family is of such

    objects = NotOfDaemons()
    every = models.Manager["TaskDefinition"]()

    class Meta:
        ordering = ["family__name", "-revision"]
        constraints = [
            models.UniqueConstraint(fields=["family", "revision"], name="one_revision_number_per_family")
        ]

    def __str__(self) -> str:
        return f"{self.family.name}:{self.revision}"

    @property
    def containers(self) -> list[dict]:
        return self.document["containerDefinitions"]


class Service(models.Model):
    """What should run. `wake_at` and the lease are how the control loop finds and claims it.

    With `daemon` it is one of ECS's daemons (services/daemons), which only `every` shows.
    """

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"
        DRAINING = "DRAINING"
        INACTIVE = "INACTIVE"

    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="services")
    name = models.CharField(max_length=255)
    arn = models.CharField(max_length=500)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    scheduling_strategy = models.CharField(max_length=20, default="REPLICA")
    daemon = models.BooleanField(default=False)
    # ECS: deployments, as below. EXTERNAL: task sets (services.task_sets), and no deployment ever.
    deployment_controller = models.CharField(max_length=20, default="ECS")
    # Of EXTERNAL, for all its task sets: placementStrategy, placementConstraints (AWS form).
    placement = models.JSONField(default=dict, blank=True)
    desired_count = models.PositiveIntegerField(default=0)
    deployment_configuration = models.JSONField(default=dict)  # AWS form, complete
    health_grace = models.PositiveIntegerField(default=0)  # seconds
    tags = models.JSONField(default=dict, blank=True)
    propagate_tags = models.CharField(max_length=20, default="NONE")
    enable_ecs_managed_tags = models.BooleanField(default=False)  # both: of tasks started from now on
    # Whether tasks started from now on let commands be executed in them. Not frozen by a revision, as on AWS.
    enable_execute_command = models.BooleanField(default=False)
    availability_zone_rebalancing = models.CharField(max_length=10, default="DISABLED")  # or ENABLED
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=400, blank=True)
    # CreateService's clientToken, and what that call asked for: services.creation_token.
    client_token = models.CharField(max_length=36, blank=True, db_index=True)
    request_digest = models.CharField(max_length=64, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    newest_revision = models.PositiveIntegerField(default=0)
    newest_deployment = models.PositiveIntegerField(default=0)
    # The configuration tasks are started from when no deployment is in progress. Of EXTERNAL: the primary task set's.
    completed_revision = models.ForeignKey(
        "ServiceRevision", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    deployment = models.ForeignKey(  # the one in progress
        "Deployment", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    running_count = models.PositiveIntegerField(default=0)
    pending_count = models.PositiveIntegerField(default=0)
    steady_since = models.DateTimeField(null=True, blank=True)
    waiting = models.TextField(blank=True)  # what it waits for, in words
    # How often the protection of its tasks was set: a plan made before is not applied.
    protections = models.PositiveIntegerField(default=0)

    wake_at = models.DateTimeField(null=True, blank=True, db_index=True)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    objects = NotOfDaemons()
    every = models.Manager["Service"]()

    class Meta:
        ordering = ["cluster_id", "name"]
        constraints = [
            # A deleted service's name may be used again; its row stays for its history.
            models.UniqueConstraint(
                fields=["cluster", "name", "daemon"],
                condition=~Q(status="INACTIVE"),
                name="one_live_service_per_name",
            )
        ]
        indexes = [
            models.Index(fields=["cluster", "name"]),
            models.Index(fields=["arn"]),
            # Which daemons a cluster has is asked at every plan of each of its services.
            models.Index(fields=["cluster", "name"], condition=Q(daemon=True), name="daemons_of_cluster"),
            models.Index(
                fields=["lease_until"], condition=Q(lease_until__isnull=False), name="service_by_lease"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> str:
        """What it is called in events, in its tasks' group and in what is published of it."""
        return "daemon" if self.daemon else "service"

    @property
    def is_external(self) -> bool:
        return self.deployment_controller == EXTERNAL


class ServiceRevision(models.Model):
    """The frozen configuration a deployment rolls out, or a task set runs: everything but the desired count."""

    id = models.CharField(primary_key=True, max_length=32)
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    arn = models.CharField(max_length=500, unique=True)
    task_definition = models.ForeignKey(
        TaskDefinition, on_delete=models.PROTECT, related_name="service_revisions"
    )
    # launchType, capacityProviderStrategy, platformVersion, networkConfiguration, placementStrategy,
    # placementConstraints, healthCheckGracePeriodSeconds, propagateTags (AWS form)
    configuration = models.JSONField(default=dict)
    images = models.JSONField(
        default=dict
    )  # container name -> {"image", "digest", "pin"}; filled once, then frozen
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=400, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)  # last time a deployment of it completed

    class Meta:
        ordering = ["service_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["service", "number"], name="one_number_per_service_revision")
        ]

    def __str__(self) -> str:
        return f"{self.service.name} #{self.number}"


class Deployment(models.Model):
    """One rollout of a service revision."""

    id = models.CharField(primary_key=True, max_length=32)
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="deployments")
    number = models.PositiveIntegerField()
    arn = models.CharField(max_length=500, unique=True)
    status = models.CharField(
        max_length=30, choices=_choices(words.DeploymentStatus), default=words.DeploymentStatus.PENDING
    )
    status_reason = models.TextField(blank=True)
    target = models.ForeignKey(ServiceRevision, on_delete=models.PROTECT, related_name="deployments")
    source = models.ForeignKey(  # what was completed before it
        ServiceRevision, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    rollback = models.ForeignKey(
        ServiceRevision, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    rollback_reason = models.TextField(blank=True)
    rollback_started_at = models.DateTimeField(null=True, blank=True)
    is_rollback = models.BooleanField(default=False)  # asked for as a rollback to an earlier revision
    force = models.BooleanField(default=False)
    configuration = models.JSONField(default=dict)  # the deployment configuration it runs under
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=400, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)
    # Resolving its images once, for all its tasks.
    image_error = models.TextField(blank=True)
    image_failures = models.PositiveIntegerField(default=0)
    # Where it has lifecycle hooks: how far it is, and those it reached (services.hooks says in which form).
    lifecycle_stage = models.CharField(max_length=40, blank=True)
    lifecycle_hooks = models.JSONField(default=list, blank=True)
    failed_tasks = models.PositiveIntegerField(default=0)  # as the circuit breaker counts, for the pages
    # The claim of the job that resolves its images.
    wake_at = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["service_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["service", "number"], name="one_number_per_deployment")
        ]

    def __str__(self) -> str:
        return f"{self.service.name} deployment {self.number}"

    @property
    def in_progress(self) -> bool:
        return self.status in IN_PROGRESS

    @property
    def effective(self) -> ServiceRevision:
        """The revision it is starting tasks of now."""
        rolling_back = self.status.startswith("ROLLBACK") and self.rollback is not None
        return self.rollback if rolling_back else self.target  # type: ignore[return-value]


IN_PROGRESS = frozenset(
    {"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"}
)


class Task(models.Model):
    """A group of containers on one instance. Its status only moves forward."""

    id = models.CharField(primary_key=True, max_length=32)
    arn = models.CharField(max_length=500, unique=True)
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="tasks")
    instance = models.ForeignKey(
        ContainerInstance, null=True, blank=True, on_delete=models.PROTECT, related_name="tasks"
    )
    task_definition = models.ForeignKey(TaskDefinition, on_delete=models.PROTECT, related_name="tasks")
    service = models.ForeignKey(
        Service, null=True, blank=True, on_delete=models.CASCADE, related_name="tasks"
    )
    revision = models.ForeignKey(
        ServiceRevision, null=True, blank=True, on_delete=models.CASCADE, related_name="tasks"
    )
    deployment = models.ForeignKey(
        Deployment, null=True, blank=True, on_delete=models.CASCADE, related_name="tasks"
    )
    group = models.CharField(max_length=400, db_index=True)
    started_by = models.CharField(max_length=400, blank=True, db_index=True)
    client_token = models.CharField(max_length=64, blank=True, db_index=True)
    launch_type = models.CharField(max_length=20, default="EC2")
    capacity_provider = models.CharField(max_length=255, blank=True)  # whose share it is, by a strategy
    enable_execute_command = models.BooleanField(default=False)  # for good, from its start
    overrides = models.JSONField(default=dict, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    images = models.JSONField(default=dict, blank=True)  # as on the service revision, for standalone tasks

    status = models.CharField(
        max_length=20, choices=_choices(words.Status), default=words.Status.PROVISIONING
    )
    desired_status = models.CharField(max_length=20, default="RUNNING")
    health = models.CharField(max_length=20, choices=_choices(words.Health), default=words.Health.UNKNOWN)
    # Health as deployments consult it: only essential containers that have a check.
    deployment_health = models.CharField(max_length=20, default=words.Health.UNKNOWN)
    stop_code = models.CharField(max_length=40, blank=True)
    stopped_reason = models.TextField(blank=True)
    # Its end counts for circuit breaker and throttle: not caused by an engine, a host, a user or a scale-in.
    failed = models.BooleanField(default=False)

    # Until then scale-in, deployments and drain leave it alone; past or None: it is not protected.
    protected_until = models.DateTimeField(null=True, blank=True)

    cpu = models.PositiveIntegerField(default=0)
    memory = models.PositiveIntegerField(default=0)
    gpus = models.JSONField(default=dict, blank=True)  # container name -> ids of the instance's GPUs it has
    address = models.CharField(max_length=100, blank=True)  # the task's own address (awsvpc)
    pause_id = models.CharField(max_length=80, blank=True)
    version = models.PositiveIntegerField(default=1)

    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    pull_started_at = models.DateTimeField(null=True, blank=True)
    pull_stopped_at = models.DateTimeField(null=True, blank=True)
    pull_progress = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    healthy_at = models.DateTimeField(null=True, blank=True)
    stopping_at = models.DateTimeField(null=True, blank=True)
    execution_stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True, db_index=True)

    wake_at = models.DateTimeField(null=True, blank=True, db_index=True)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["service", "status"], name="task_by_service_status"),
            models.Index(fields=["cluster", "status"], name="task_by_cluster_status"),
            models.Index(fields=["instance", "status"], name="task_by_instance_status"),
            models.Index(fields=["deployment", "failed"], name="task_by_deployment_failed"),
            models.Index(
                fields=["lease_until"], condition=Q(lease_until__isnull=False), name="task_by_lease"
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @cached_property
    def document(self) -> dict:
        """Its task definition as it runs it: with its overrides."""
        return overridden(self.task_definition.document, self.overrides)

    @property
    def of_daemon(self) -> bool:
        return self.service is not None and self.service.daemon

    def is_protected(self, now: datetime) -> bool:
        return (
            self.protected_until is not None
            and self.protected_until > now
            and self.desired_status == "RUNNING"
        )


class RunRequest(models.Model):
    """A client token of RunTask, and what was asked for with it. Kept for a day."""

    token = models.CharField(max_length=64, unique=True)
    digest = models.CharField(max_length=64)
    tasks = models.JSONField(default=list)  # ids
    created_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.token


class TaskContainer(models.Model):
    """One container of a task, as last observed. `started` facts survive the container's removal."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="containers")
    name = models.CharField(max_length=255)
    essential = models.BooleanField(default=True)
    image = models.CharField(max_length=500)
    image_digest = models.CharField(max_length=200, blank=True)
    runtime_id = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=20, default="PENDING")  # PENDING | CREATED | RUNNING | STOPPED
    health = models.CharField(max_length=20, default=words.Health.UNKNOWN)
    health_output = models.TextField(blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    oom_killed = models.BooleanField(default=False)
    reason = models.TextField(blank=True)
    network_bindings = models.JSONField(default=list, blank=True)  # AWS form
    restart_count = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    signalled_at = models.DateTimeField(null=True, blank=True)  # when it was told to stop
    # When somebody else last sent it a signal (`docker stop`, `docker kill`), as the engine's events tell.
    killed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["task", "name"], name="one_container_name_per_task")]

    def __str__(self) -> str:
        return self.name


class ServiceEvent(models.Model):
    """One message of a service. The newest 100 are kept."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="events")
    event_id = models.UUIDField(unique=True)
    message = models.TextField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.message


# Django finds a room's models here; these stand on Task and are kept apart for their number.
from services.execute.models import ExecSession, ExecTranscript  # noqa: E402, F401
from services.schedules.models import Rule, RuleRun, RuleTarget  # noqa: E402, F401
from services.task_sets.models import TaskSet  # noqa: E402, F401
