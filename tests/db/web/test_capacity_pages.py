"""Capacity providers on the pages: those of the account, those of a cluster, and what tasks and services run on."""

from __future__ import annotations

import re
from typing import Any

import pytest

from access.registry import call, system_caller
from clusters.models import CapacityProvider, Cluster, ContainerInstance, HeldGpu
from clusters.operations import ensure_defaults
from services.models import Service, Task
from services.scheduler.model import AUTO_SCALING_GROUP
from tests import factories

US = system_caller("test")
PAGE = "/clusters/production/capacity-providers/"
CREATE = {
    "cluster": "production", "service_name": "api", "task_definition": "api", "desired_count": 2,
    "minimum_healthy_percent": 100, "maximum_percent": 200, "circuit_breaker": "rollback", "grace_period": 0,
}  # fmt: skip
OWN = {"launch_type": "strategy", "base-fast": 1, "weight-fast": 2, "weight-slow": 1}
STRATEGY = [
    {"capacityProvider": "fast", "base": 1, "weight": 2},
    {"capacityProvider": "slow", "base": 0, "weight": 1},
]


def provide(*names: str) -> None:
    for name in names:
        group = {"autoScalingGroupArn": f"{name}-hosts"}
        call("create_capacity_provider", US, name=name, auto_scaling_group_provider=group)


def associate(*names: str, default: Any = ()) -> None:
    call(
        "put_cluster_capacity_providers",
        US,
        cluster="production",
        capacity_providers=list(names),
        default_capacity_provider_strategy=list(default),
    )


@pytest.fixture
def fleet(db: None) -> factories.World:
    """The cluster production has the providers fast and slow; an instance each."""
    ensure_defaults()
    world = factories.world(quiet=True)
    provide("fast", "slow")
    associate("fast", "slow")
    for name, instance in zip(("fast", "slow"), world.instances, strict=False):
        attributes = {**instance.attributes, AUTO_SCALING_GROUP: f"{name}-hosts"}
        ContainerInstance.objects.filter(pk=instance.pk).update(attributes=attributes)
    factories.definition("api")
    return world


def frozen(name: str = "api") -> dict[str, Any]:
    service = Service.objects.get(name=name)
    return dict(service.revisions.order_by("-number")[0].configuration)


# ---- of a cluster ------------------------------------------------------------------------------


def test_the_providers_of_a_cluster_are_put_together(reader, fleet) -> None:
    person = reader("administrator")
    text = person.text(PAGE)
    assert re.search(r'<input [^>]*name="has-fast"[^>]* checked', text)
    assert not re.search(r'<input [^>]*name="has-FARGATE"[^>]* checked', text)
    assert "Instances of the group slow-hosts." in text and 'name="weight-FARGATE"' in text
    person.post(PAGE, **{"has-fast": "on", "has-FARGATE": "on", "base-fast": "2", "weight-fast": "3"})
    row = Cluster.objects.get(name="production")
    assert row.capacity_providers == ["fast", "FARGATE"]
    assert row.default_capacity_provider_strategy == [{"capacityProvider": "fast", "base": 2, "weight": 3}]
    text = person.text("/clusters/production/?tab=configuration")
    assert "By default: base 2, weight 3." in text and PAGE in text


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"has-fast": "on", "weight-slow": "1"}, "weight-slow", "is not associated with the cluster"),
        ({"has-fast": "on", "weight-fast": "1001"}, "weight-fast", "less than or equal to 1000"),
        ({"has-slow": "on"}, "has-fast", "fast is in use"),
    ],
)
def test_a_mistake_stands_at_its_field_and_what_was_typed_stays(
    reader, fleet, given: dict[str, str], field: str, words: str
) -> None:
    person = reader("administrator")
    person.post("/create-service/", **CREATE, launch_type="strategy", **{"weight-fast": "1"})
    before = Cluster.objects.values().get(name="production")
    text = person.post(PAGE, 400, **given)
    assert words in text.partition(f'id="id_{field}_errors"')[2][:300]
    for name, value in given.items():
        assert value == "on" or f'name="{name}" value="{value}"' in text
    assert Cluster.objects.values().get(name="production") == before


def test_the_command_says_what_is_filled_in(reader, fleet) -> None:
    text = reader("administrator").text(f"{PAGE}?has-fast=on&has-slow=&weight-fast=4")
    command = "aws ecs put-cluster-capacity-providers --cluster production --capacity-providers fast"
    assert f"{command} --default-capacity-provider-strategy capacityProvider=fast,base=0,weight=4" in text


# ---- of the account ----------------------------------------------------------------------------


def test_providers_are_created_changed_and_deleted(reader, fleet) -> None:
    person = reader("administrator")
    scaling = {"target_capacity": 90, "minimum_step": 1, "maximum_step": 10, "warmup": 0}
    new = {"name": "spare", "group": "spare-hosts", "tags": "team=shop", **scaling}
    assert person.post("/create-capacity-provider/", **new) == "/capacity-providers/"
    row = CapacityProvider.objects.get(name="spare")
    assert row.group == "spare-hosts" and row.tags == {"team": "shop"}
    assert row.configuration["managedScaling"]["targetCapacity"] == 90
    text = person.text("/capacity-providers/")
    for words in (
        "spare-hosts",
        "fast-hosts",
        "FARGATE_SPOT",
        '<a href="/clusters/production/?tab=configuration">',
    ):
        assert words in text
    person.post("/capacity-providers/spare/", **{**scaling, "target_capacity": 80})
    row.refresh_from_db()
    assert row.configuration["managedScaling"]["targetCapacity"] == 80
    assert "A cluster has it" in person.text("/capacity-providers/fast/")
    person.post("/capacity-providers/spare/delete/")
    row.refresh_from_db()
    assert row.status == "INACTIVE"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "aws-mine"}, "name"),
        ({"name": "fast"}, "name"),
        ({"group": "fast-hosts"}, "group"),
        ({"target_capacity": "101"}, "target_capacity"),
        ({"tags": "aws:x=y"}, "tags"),
    ],
)
def test_a_provider_that_will_not_do_is_not_created(reader, fleet, given: dict[str, str], field: str) -> None:
    new = {"name": "spare", "group": "spare-hosts", "target_capacity": 100, "minimum_step": 1}
    text = reader("administrator").post(
        "/create-capacity-provider/", 400, **{**new, "maximum_step": 10, "warmup": 300, **given}
    )
    assert f'id="id_{field}_errors"' in text and given[field] in text
    assert not CapacityProvider.objects.filter(name__in=("spare", "aws-mine")).exists()


def test_the_list_takes_a_constant_number_of_queries(reader, fleet) -> None:
    person = reader("administrator")
    few = person.queries("/capacity-providers/")
    provide(*(f"more-{number}" for number in range(10)))
    assert person.queries("/capacity-providers/") == few <= 20


# ---- what runs on them -------------------------------------------------------------------------


def test_a_service_is_created_with_a_strategy_of_its_own(reader, fleet) -> None:
    person = reader("deployer")
    person.post("/create-service/", **CREATE, **OWN, managed_tags="yes")
    assert frozen()["capacityProviderStrategy"] == STRATEGY and "launchType" not in frozen()
    assert Service.objects.get(name="api").enable_ecs_managed_tags


def test_the_clusters_default_is_preselected(reader, fleet) -> None:
    person = reader("deployer")
    page = "/create-service/?cluster=production"
    assert '<option value="EC2" selected>' in person.text(page)
    associate("fast", "slow", default=STRATEGY)
    text = person.text(page)
    assert "The cluster&#x27;s default: fast 1 + 2, slow 1" in text
    assert '<option value="" selected>' in text and "weight-fast" not in text
    text = person.text(f"{page}&launch_type=strategy")
    assert 'name="weight-fast" value="2"' in text and 'name="base-fast" value="1"' in text
    person.post("/create-service/", **CREATE, launch_type="")
    assert frozen()["capacityProviderStrategy"] == STRATEGY


@pytest.mark.parametrize("page", ["/create-service/", "/run-task/"])
@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"launch_type": "strategy"}, "launch_type", "a base or a weight"),
        (
            {"launch_type": "strategy", "base-fast": "1", "base-slow": "1", "weight-fast": "1"},
            "launch_type",
            "only one capacity provider can have a base",
        ),
        ({"launch_type": "strategy", "weight-fast": "1", "weight-FARGATE": "1"}, "launch_type", "do not mix"),
        ({"launch_type": "strategy", "weight-fast": "x"}, "weight-fast", "whole number"),
    ],
)
def test_a_strategy_that_will_not_do_keeps_the_rows(
    reader, fleet, page: str, given: dict[str, str], field: str, words: str
) -> None:
    text = reader("deployer").post(page, 400, **{**CREATE, "task_definition": "api:1", "count": 1, **given})
    assert words in text.partition(f'id="id_{field}_errors"')[2][:300]
    assert all(f'name="{name}" value="{value}"' in text for name, value in given.items() if "-" in name)
    assert not Service.objects.filter(name="api").exists() and not Task.objects.filter(service=None).exists()


def test_a_deployment_takes_another_strategy_or_leaves_it(reader, fleet) -> None:
    person = reader("deployer")
    person.post("/create-service/", **CREATE, launch_type="EC2")
    page = "/clusters/production/services/api/deploy/"
    assert "As it is: launch type EC2" in person.text(page)
    deploy = {name: CREATE[name] for name in list(CREATE)[4:]} | {"task_definition": "api:1"}
    person.post(page, **deploy, **OWN)
    assert frozen()["capacityProviderStrategy"] == STRATEGY
    text = person.text(f"{page}?launch_type=strategy")
    assert "As it is: fast 1 + 2, slow 1" in text and 'name="weight-fast" value="2"' in text
    for same in ({"launch_type": "keep"}, OWN):
        person.post(page, **deploy, **same)
        assert Service.objects.get(name="api").newest_revision == 2, "nothing has changed"
    person.post(page, **deploy, launch_type="")
    assert frozen()["launchType"] == "EC2"
    text = person.post(
        page, 400, **deploy, launch_type="strategy", **{"weight-fast": "1", "weight-FARGATE": "1"}
    )
    assert "do not mix" in text.partition('id="id_launch_type_errors"')[2][:300]


def test_tasks_run_by_a_strategy(reader, fleet) -> None:
    run = {"cluster": "production", "task_definition": "api:1", "count": 2}
    reader("deployer").post("/run-task/", **run, **OWN, managed_tags="yes")
    tasks = list(Task.objects.filter(service=None))
    assert [task.capacity_provider for task in tasks] == ["fast", "fast"], "the base, then the greater weight"
    assert {task.tags["aws:ecs:clusterName"] for task in tasks} == {"production"}
    text = reader("deployer").post("/run-task/", 400, **run, **OWN, instance=fleet.instances[0].pk)
    assert "chooses the instances by itself" in text


# ---- the command lines follow the form ----------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "query", "command"),
    [
        (
            "/create-service/",
            "cluster=production&service_name=api&task_definition=api:1&desired_count=4&launch_type=FARGATE"
            "&terminals=yes&grace_period=30",
            "aws ecs create-service --cluster production --service-name api --task-definition api:1 "
            "--desired-count 4 --launch-type FARGATE --deployment-configuration",
        ),
        (
            "/create-service/",
            "cluster=production&task_definition=api&launch_type=strategy&weight-fast=1",
            "aws ecs create-service --cluster production --service-name api --task-definition api "
            "--desired-count 1 --capacity-provider-strategy capacityProvider=fast,base=0,weight=1",
        ),
        (
            "/create-service/",
            "cluster=production&task_definition=api&launch_type=strategy",
            "aws ecs create-service --cluster production --service-name api --task-definition api "
            "--desired-count 1 --deployment-configuration",
        ),
        (
            "/create-service/",
            "desired_count=-1&placement=custom&strategies=a b c&cluster=nowhere",
            "aws ecs create-service --service-name web --task-definition web:1 --desired-count 1",
        ),
        (
            "/run-task/",
            "cluster=production&task_definition=api:1&count=3&launch_type=EC2&group=batch&placement=cpu",
            "aws ecs run-task --cluster production --task-definition api:1 --group batch --count 3 "
            "--launch-type EC2 --placement-strategy type=binpack,field=cpu",
        ),
        (
            "/clusters/production/services/web/deploy/",
            "task_definition=web:12&force=on&terminals=yes&maximum_percent=150",
            "aws ecs update-service --cluster production --service web --task-definition web:12 "
            "--force-new-deployment --enable-execute-command --deployment-configuration",
        ),
    ],
)
def test_the_command_follows_the_form(reader, fleet, page: str, query: str, command: str) -> None:
    text = reader("deployer").text(f"{page}?{query}", **{"X-Fragments": "command"})
    shown = text.partition('data-copy="')[2].partition('"')[0]
    assert shown.startswith(command)


# ---- GPUs --------------------------------------------------------------------------------------


def test_gpus_are_shown_where_an_instance_has_any(reader, fleet) -> None:
    person = reader("read-only")
    pages = ("/clusters/production/", "/clusters/production/?tab=instances")
    for page in pages:
        assert "GPU" not in person.text(page)
    host = fleet.instances[0]
    task = Task.objects.filter(instance=host).exclude(status="STOPPED")[0]
    ContainerInstance.objects.filter(pk=host.pk).update(gpus=["GPU-a", "GPU-b"])
    HeldGpu.objects.create(instance=host, gpu="GPU-a", holder=task.arn)
    overview, map_of = (person.text(page) for page in pages)
    assert "GPUs reserved" in overview and "1 of 2 · 50 %" in overview
    assert f"{host} GPU: 50 %" in map_of and f"GPU-a: web {task.pk[:8]}" in map_of
    assert "1 of 2 reserved" in person.text("/clusters/production/?tab=configuration")


# ---- settings of a cluster ---------------------------------------------------------------------


def test_transcripts_are_turned_on_and_off(reader, fleet) -> None:
    person = reader("administrator")
    page, shown = "/clusters/production/settings/", "/clusters/production/?tab=configuration"
    assert "is not kept" in person.text(shown)
    person.post(page, logging="OVERRIDE", log_group="/shop/terminals")
    configuration = Cluster.objects.get(name="production").configuration
    assert configuration == {
        "executeCommandConfiguration": {
            "logging": "OVERRIDE",
            "logConfiguration": {"cloudWatchLogGroupName": "/shop/terminals"},
        }
    }
    assert "<code>/shop/terminals</code>" in person.text(shown)
    assert 'value="/shop/terminals"' in person.text(page)
    person.post(page, logging="NONE", log_group="")
    assert "is not kept" in person.text(shown)


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"logging": "OVERRIDE", "log_group": ""}, "log_group", "required with OVERRIDE"),
        ({"logging": "OVERRIDE", "log_group": "no spaces"}, "log_group", "required with OVERRIDE"),
        ({"logging": "DEFAULT", "log_group": "/shop"}, "log_group", "only with logging OVERRIDE"),
        ({"logging": "SOME", "log_group": ""}, "logging", "Select a valid choice"),
    ],
)
def test_settings_that_will_not_do(reader, fleet, given: dict[str, str], field: str, words: str) -> None:
    text = reader("administrator").post("/clusters/production/settings/", 400, **given)
    assert words in text.partition(f'id="id_{field}_errors"')[2][:300]
    assert given["log_group"] in text and Cluster.objects.get(name="production").configuration == {}
