"""Clusters, their container instances (Docker Engines), networks and capacity providers."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class Cluster(models.Model):
    """A named pool of instances. The counters are moved by `services.control` with the tasks they count."""

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"
        INACTIVE = "INACTIVE"

    name = models.CharField(max_length=255, unique=True)
    arn = models.CharField(max_length=400, unique=True)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    tags = models.JSONField(default=dict, blank=True)  # key -> value
    settings = models.JSONField(default=dict, blank=True)
    configuration = models.JSONField(default=dict, blank=True)  # AWS form: executeCommandConfiguration
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=400, blank=True)
    active_services = models.PositiveIntegerField(default=0)
    running_tasks = models.PositiveIntegerField(default=0)
    pending_tasks = models.PositiveIntegerField(default=0)
    capacity_providers = models.JSONField(default=list, blank=True)  # names of those it may use
    default_capacity_provider_strategy = models.JSONField(default=list, blank=True)  # AWS form

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Network(models.Model):
    """A cluster's network, with EC2-shaped ids that stay as long as the cluster does."""

    class Driver(models.TextChoices):
        BRIDGE = "bridge"
        OVERLAY = "overlay"

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="networks")
    name = models.CharField(max_length=100, default="default")
    vpc_id = models.CharField(max_length=40, unique=True)
    subnet_id = models.CharField(max_length=40, unique=True)
    security_group_id = models.CharField(max_length=40, unique=True)
    # The Docker network each engine carries for it; holds the installation, so two never share one.
    engine_name = models.CharField(max_length=120, unique=True)
    # bridge: one network on each engine; overlay: one over all of them, which a Swarm carries.
    driver = models.CharField(max_length=10, choices=Driver.choices, default=Driver.BRIDGE)
    trouble = models.TextField(blank=True)  # what keeps the overlay from being whole, for people
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cluster", "name"], name="one_network_name_per_cluster")
        ]

    def __str__(self) -> str:
        return f"{self.cluster} {self.name}"

    @property
    def docker_name(self) -> str:
        """Of the Docker network that tasks join now."""
        return f"{self.engine_name}-overlay" if self.driver == self.Driver.OVERLAY else self.engine_name


class ContainerInstance(models.Model):
    """One Docker Engine that tasks can run on.

    `connected` is what the watcher last knew; while False, what runs there is unknown, not gone.
    CPU in units (1024 per core), memory and disk in MiB.
    """

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"
        DRAINING = "DRAINING"
        INACTIVE = "INACTIVE"  # deregistered

    id = models.CharField(primary_key=True, max_length=32)
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="instances")
    arn = models.CharField(max_length=400, unique=True)
    name = models.CharField(max_length=255, blank=True)
    url = models.CharField(max_length=500)
    tls_ca = models.TextField(blank=True)
    tls_certificate = models.TextField(blank=True)
    tls_key = models.TextField(blank=True)  # encrypted
    ssh_key = models.TextField(blank=True)  # encrypted
    ssh_host_key = models.TextField(blank=True)  # what the host must show: TYPE BASE64, one a line
    engine_id = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    registered_at = models.DateTimeField(auto_now_add=True)
    registered_by = models.CharField(max_length=400, blank=True)
    deregistered_at = models.DateTimeField(null=True, blank=True)

    connected = models.BooleanField(default=False)
    connection_error = models.TextField(blank=True)
    connected_at = models.DateTimeField(null=True, blank=True)  # start of the present connection
    disconnected_at = models.DateTimeField(null=True, blank=True)  # start of the last outage
    # Declared lost: away for too long. Until it has answered, and what it runs was compared, it takes no tasks.
    lost_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)

    cpu = models.PositiveIntegerField(default=0)
    memory = models.PositiveIntegerField(default=0)
    disk_total = models.PositiveBigIntegerField(null=True, blank=True)
    disk_free = models.PositiveBigIntegerField(null=True, blank=True)
    gpus = models.JSONField(default=list, blank=True)  # ids, as the engine last reported them
    info = models.JSONField(default=dict, blank=True)  # EngineInfo as last read
    attributes = models.JSONField(default=dict, blank=True)  # name -> value
    # Names of the attributes that the ECS agent would register for what it can do; set at every contact.
    capabilities = models.JSONField(default=list, blank=True)
    # As a node of the Swarm that carries the cluster's overlay: {in, role, why, node, joined}; empty without one.
    overlay = models.JSONField(default=dict, blank=True)
    tags = models.JSONField(default=dict, blank=True)

    # imagePullBehavior and the like: what of the installation's settings this instance has otherwise.
    settings = models.JSONField(default=dict, blank=True)
    # The watcher that follows it, and until when it may without saying so again.
    watch_owner = models.CharField(max_length=64, blank=True)
    watch_until = models.DateTimeField(null=True, blank=True)

    cpu_reserved = models.PositiveIntegerField(default=0)
    memory_reserved = models.PositiveIntegerField(default=0)
    running_tasks = models.PositiveIntegerField(default=0)
    pending_tasks = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["cluster_id", "name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["engine_id"],
                condition=~Q(engine_id="") & ~Q(status="INACTIVE"),
                name="one_live_instance_per_engine",
            ),
            models.CheckConstraint(
                condition=Q(cpu_reserved__lte=F("cpu")) | Q(cpu_reserved=0), name="cpu_within_registered"
            ),
            models.CheckConstraint(
                condition=Q(memory_reserved__lte=F("memory")) | Q(memory_reserved=0),
                name="memory_within_registered",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.id

    @property
    def joint_limits(self) -> bool:
        return bool(self.info.get("joint_limits"))

    @property
    def all_attributes(self) -> dict[str, str]:
        """Name to value, capabilities among them."""
        return {**dict.fromkeys(self.capabilities, ""), **self.attributes}

    @property
    def free_gpus(self) -> list[str]:
        """Ids of those no task holds."""
        held = {row.gpu for row in self.held_gpus.all()}
        return [gpu for gpu in self.gpus if gpu not in held]

    @property
    def agent_version(self) -> str:
        """The engine's version; "" until it has answered."""
        return str(self.info.get("version", ""))

    @property
    def ec2_instance_id(self) -> str:
        """In EC2's form, as scripts and cluster queries expect one."""
        return ec2_instance_id(self.id)

    @property
    def availability_zone(self) -> str:
        return str(self.attributes.get("ecs.availability-zone", ""))


class InstanceImage(models.Model):
    """An image that tasks of an instance use, by the name or id it was asked for. The lease is that of the one
    transfer that may bring it at a time.

    Only what Slipway itself brought (PULLED, CARRIED) is ever cleaned up; FOUND was there before.
    """

    class Origin(models.TextChoices):
        PULLED = "PULLED"  # from its registry
        CARRIED = "CARRIED"  # from another instance
        FOUND = "FOUND"

    instance = models.ForeignKey(ContainerInstance, on_delete=models.CASCADE, related_name="images")
    pin = models.CharField(max_length=500)
    image_id = models.CharField(max_length=80, blank=True, db_index=True)  # empty until it is there
    origin = models.CharField(max_length=10, choices=Origin.choices, blank=True)
    size = models.BigIntegerField(default=0)  # bytes
    brought_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)  # last asked for by a task
    source = models.ForeignKey(  # where it was carried from
        ContainerInstance, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    progress = models.CharField(max_length=200, blank=True)  # of the transfer that goes on, in words
    failures = models.PositiveIntegerField(default=0)  # attempts since the last success
    error = models.TextField(blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    wake_at = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["instance_id", "pin"]
        constraints = [
            models.UniqueConstraint(fields=["instance", "pin"], name="one_row_per_instance_and_image")
        ]

    def __str__(self) -> str:
        return self.pin


class InstanceCleaning(models.Model):
    """What was last found on an instance that could be cleaned up, and the claim of the job that looks."""

    instance = models.OneToOneField(
        ContainerInstance, primary_key=True, on_delete=models.CASCADE, related_name="cleaning"
    )
    asked_to_clean = models.BooleanField(default=False)  # by a person, whatever the interval
    looked_at = models.DateTimeField(null=True, blank=True)
    cleaned_at = models.DateTimeField(null=True, blank=True)
    # [{"kind": container | image | network | volume, "name", "size" (bytes or null), "verdict": keep | remove | removed
    # | failed, "reason"}], the removed ones first
    items = models.JSONField(default=list, blank=True)
    others = models.PositiveIntegerField(default=0)  # images there that Slipway did not bring
    freed = models.BigIntegerField(default=0)  # bytes of images, by the last cleaning
    error = models.TextField(blank=True)
    wake_at = models.DateTimeField(null=True, blank=True, db_index=True)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"cleaning of {self.instance_id}"


class HostPort(models.Model):
    """A host port that is taken. The unique constraint is what keeps two tasks from sharing one."""

    instance = models.ForeignKey(ContainerInstance, on_delete=models.CASCADE, related_name="host_ports")
    port = models.PositiveIntegerField()
    protocol = models.CharField(max_length=3, default="tcp")
    holder = models.CharField(max_length=400, db_index=True)  # the task's ARN

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instance", "port", "protocol"], name="one_holder_per_host_port")
        ]

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol}"


class HeldGpu(models.Model):
    """A GPU that is taken. The unique constraint is what keeps two tasks from sharing one."""

    instance = models.ForeignKey(ContainerInstance, on_delete=models.CASCADE, related_name="held_gpus")
    gpu = models.CharField(max_length=255)  # its id
    holder = models.CharField(max_length=400, db_index=True)  # the task's ARN

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instance", "gpu"], name="one_holder_per_gpu")]

    def __str__(self) -> str:
        return self.gpu


class CapacityProvider(models.Model):
    """A named source of capacity. FARGATE and FARGATE_SPOT are there from the start, for every cluster, and place
    on any instance; others on the instances of one Auto Scaling group."""

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"
        INACTIVE = "INACTIVE"  # deleted: its name may be used again

    name = models.CharField(max_length=255, unique=True)
    arn = models.CharField(max_length=400, unique=True)
    status = models.CharField(max_length=20, default="ACTIVE")
    built_in = models.BooleanField(default=False)
    group = models.CharField(max_length=400, blank=True)  # its Auto Scaling group, as it was given
    configuration = models.JSONField(default=dict, blank=True)  # autoScalingGroupProvider, AWS form, complete
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, null=True)
    created_by = models.CharField(max_length=400, blank=True)

    def __str__(self) -> str:
        return self.name


class AccountSetting(models.Model):
    """What was put with PutAccountSetting. `principal_arn`: for whom; "" for everyone."""

    name = models.CharField(max_length=64)
    value = models.CharField(max_length=64)
    principal_arn = models.CharField(max_length=400, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["principal_arn", "name"], name="one_account_setting_per_principal"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.value}"


def ec2_instance_id(instance_id: str) -> str:
    """In EC2's form, as scripts and cluster queries expect one."""
    return f"i-{instance_id[:17]}"


def instance_topics(instance: ContainerInstance) -> tuple[str, ...]:
    """The pages that show this instance."""
    return ("instances", f"instance:{instance.id}", f"cluster:{instance.cluster.name}", "overview")
