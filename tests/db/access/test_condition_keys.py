"""Condition keys of ECS's requests and of what they are about: tags, cluster, size, power, desired count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.caller import Caller
from access.models import AuditRecord
from access.policy import parse
from access.registry import get
from base import here
from base.errors import AccessDenied
from clusters.models import Cluster
from clusters.operations import create_cluster
from clusters.queries import describe_cluster, list_clusters
from services.definitions import register_task_definition
from services.models import Service, TaskDefinition
from services.queries import describe_service, list_services, list_tasks
from services.tagging import tag_resource, untag_resource
from services.updating import update_service
from tests import factories

CallerOf = Callable[..., Caller]


def allow(action: Any, condition: dict[str, Any] | None = None, resource: str = "*") -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**found, "Condition": condition} if condition else found


def deny(action: Any, condition: dict[str, Any]) -> dict[str, Any]:
    return {**allow(action, condition), "Effect": "Deny"}


def refuses(call: Callable[[], Any]) -> None:
    """Denied, recorded once, and nothing changed."""
    before = (Cluster.objects.count(), list(Service.objects.values("tags", "desired_count")))
    records = AuditRecord.objects.filter(result="denied").count()
    with pytest.raises(AccessDenied):
        call()
    assert (Cluster.objects.count(), list(Service.objects.values("tags", "desired_count"))) == before
    assert AuditRecord.objects.filter(result="denied").count() == records + 1


@pytest.fixture
def shop(db: None) -> Service:
    """The factories' service `web` of `production`, tagged."""
    row = factories.world(tasks=2, healthy=2, quiet=True).service
    Service.objects.filter(pk=row.pk).update(tags={"Team": "shop", "level": "3"})
    row.refresh_from_db()
    return row


# --- tags of the resource ----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["aws:ResourceTag/team", "aws:ResourceTag/Team", "ecs:ResourceTag/team"])
def test_the_resources_tags_decide(shop: Service, caller_of: CallerOf, key: str) -> None:
    shops = caller_of("ana", statements=[allow("ecs:*", {"StringEquals": {key: "shop"}})])
    others = caller_of("bob", statements=[allow("ecs:*", {"StringEquals": {key: "bank"}})])
    assert describe_service(shops, service="web", cluster="production") == shop
    refuses(lambda: describe_service(others, service="web", cluster="production"))
    refuses(lambda: update_service(others, service="web", cluster="production", desired_count=1))
    assert list(list_services(caller_of("cat", statements=[allow("ecs:List*")]))) == []
    listing = [allow("ecs:List*"), allow("ecs:Describe*", {"StringEquals": {key: "shop"}})]
    assert list(list_services(caller_of("dan", statements=listing))) == [shop]


def test_tags_of_what_is_not_there_are_none(shop: Service, caller_of: CallerOf) -> None:
    shops = caller_of("ana", statements=[allow("ecs:*", {"StringEquals": {"aws:ResourceTag/team": "shop"}})])
    refuses(lambda: describe_service(shops, service="nothing", cluster="production"))


def test_a_deployment_is_judged_by_its_services_tags(shop: Service, caller_of: CallerOf) -> None:
    deployment = shop.deployments.latest("number")
    shops = caller_of("ana", statements=[allow("ecs:*", {"StringEquals": {"aws:ResourceTag/team": "shop"}})])
    assert shops.may("ecs:StopServiceDeployment", deployment.arn, owners=[shop.arn]).allowed
    assert not shops.may("ecs:StopServiceDeployment", deployment.arn).allowed


def test_tags_are_looked_up_only_when_asked_for(
    shop: Service, caller_of: CallerOf, django_assert_num_queries: Any
) -> None:
    plain = caller_of("ana", statements=[allow("ecs:*", {"StringEquals": {"aws:username": "ana"}})])
    tagged = caller_of("bob", statements=[allow("ecs:*", {"StringEquals": {"aws:ResourceTag/team": "shop"}})])
    with django_assert_num_queries(0):
        assert plain.may("ecs:UpdateService", shop.arn).allowed
    with django_assert_num_queries(1):
        assert tagged.may("ecs:UpdateService", shop.arn).allowed


# --- tags of the request -----------------------------------------------------------------------------


def test_the_requests_tags_decide(shop: Service, caller_of: CallerOf) -> None:
    own = {"StringEquals": {"aws:RequestTag/team": "shop"}}
    ana = caller_of("ana", statements=[allow(["ecs:CreateCluster", "ecs:TagResource"], own)])
    create_cluster(ana, cluster_name="mine", tags={"team": "shop"})
    refuses(lambda: create_cluster(ana, cluster_name="theirs", tags={"team": "bank"}))
    refuses(lambda: create_cluster(ana, cluster_name="nobodys"))
    refuses(lambda: tag_resource(ana, resource_arn=shop.arn, tags={"team": "bank"}))


def test_tag_keys_decide(shop: Service, caller_of: CallerOf) -> None:
    only = {"ForAllValues:StringEquals": {"aws:TagKeys": ["note"]}, "Null": {"aws:TagKeys": "false"}}
    ana = caller_of("ana", statements=[allow(["ecs:TagResource", "ecs:UntagResource"], only)])
    tag_resource(ana, resource_arn=shop.arn, tags={"note": "x"})
    refuses(lambda: tag_resource(ana, resource_arn=shop.arn, tags={"note": "x", "Team": "bank"}))
    untag_resource(ana, resource_arn=shop.arn, tag_keys=["note"])
    refuses(lambda: untag_resource(ana, resource_arn=shop.arn, tag_keys=["Team"]))


def test_tags_on_creation_need_the_permission_to_tag(db: None, caller_of: CallerOf) -> None:
    creator = caller_of("ana", statements=[allow("ecs:CreateCluster")])
    create_cluster(creator, cluster_name="plain")
    refuses(lambda: create_cluster(creator, cluster_name="tagged", tags={"team": "shop"}))
    on_creation = allow("ecs:TagResource", {"StringEquals": {"ecs:CreateAction": "CreateCluster"}})
    tagger = caller_of("bob", statements=[allow("ecs:CreateCluster"), on_creation])
    row = create_cluster(tagger, cluster_name="tagged", tags={"team": "shop"})
    refuses(lambda: tag_resource(tagger, resource_arn=row.arn, tags={"team": "bank"}))


# --- keys of ECS -------------------------------------------------------------------------------------


def test_the_cluster_is_told_by_every_arn(shop: Service, caller_of: CallerOf) -> None:
    here_only = {"ArnEquals": {"ecs:cluster": here.cluster_arn("production")}}
    ana = caller_of("ana", statements=[allow("ecs:List*"), allow("ecs:*", here_only)])
    factories.service(factories.cluster("other"), "web")
    assert describe_cluster(ana, cluster="production").name == "production"
    refuses(lambda: describe_cluster(ana, cluster="other"))
    refuses(lambda: update_service(ana, service="web", cluster="other", desired_count=0))
    assert [row.name for row in list_clusters(ana)] == ["production"]
    assert [row.cluster.name for row in list_services(ana)] == ["production"]
    assert {row.cluster.name for row in list_tasks(ana)} == {"production"}


def test_the_service_is_told_by_its_tasks(shop: Service, caller_of: CallerOf) -> None:
    one = {"ArnEquals": {"ecs:service": shop.arn}}
    ana = caller_of("ana", statements=[allow("ecs:ListTasks"), allow("ecs:DescribeTasks", one)])
    stray = factories.task(what=factories.definition("stray"), on=factories.instance(shop.cluster, "host-z"))
    seen = set(list_tasks(ana))
    assert seen and stray not in seen
    assert ana.may("ecs:DescribeTasks", next(iter(seen)).arn, owners=[shop.arn]).allowed


def test_deploying_is_told_from_scaling(shop: Service, caller_of: CallerOf) -> None:
    """ "May deploy and scale, but not to zero": docs/access.md."""
    not_to_zero = deny("ecs:UpdateService", {"NumericEquals": {"slipway:desired-count": "0"}})
    ana = caller_of("ana", statements=[allow("ecs:*"), not_to_zero])
    refuses(lambda: update_service(ana, service="web", cluster="production", desired_count=0))
    update_service(ana, service="web", cluster="production", desired_count=3)
    update_service(ana, service="web", cluster="production", force_new_deployment=True)
    never = allow("ecs:UpdateService", {"Null": {"slipway:desired-count": "true"}})
    bob = caller_of("bob", statements=[never])
    refuses(lambda: update_service(bob, service="web", cluster="production", desired_count=5))
    update_service(bob, service="web", cluster="production", force_new_deployment=True)


def document(**container: Any) -> dict[str, Any]:
    return {
        "family": "api",
        "containerDefinitions": [{"name": "api", "image": "api:1", "memory": 64, "cpu": 256, **container}],
    }


@pytest.mark.parametrize(
    ("condition", "refused"),
    [
        ({"NumericLessThanEquals": {"ecs:task-cpu": "256"}}, {"cpu": 512}),
        ({"NumericLessThanEquals": {"ecs:task-memory": "64"}}, {"memory": 128}),
        ({"Bool": {"ecs:privileged": "false"}}, {"privileged": True}),
    ],
)
def test_a_documents_size_and_power_decide(
    db: None, caller_of: CallerOf, condition: dict[str, Any], refused: dict[str, Any]
) -> None:
    statements = [allow("ecs:RegisterTaskDefinition", condition), allow("slipway:*")]
    ana = caller_of("ana", statements=statements)
    register_task_definition(ana, document=document())
    refuses(lambda: register_task_definition(ana, document=document(**refused)))
    assert TaskDefinition.objects.count() == 1


def test_what_is_run_decides(shop: Service, caller_of: CallerOf) -> None:
    """The definition's own size and ARN, its newest revision resolved, wherever it is put to work."""
    factories.definition("big", cpu=2048)
    newest = factories.definition("small", cpu=64)
    for name, condition in {
        "cpu": {"NumericLessThan": {"ecs:task-cpu": "1024"}},
        "arn": {"ArnEquals": {"ecs:task-definition": newest.arn}},
    }.items():
        ana = caller_of(name, statements=[allow("ecs:UpdateService", condition)])
        context = get("update_service").context
        assert context is not None
        for family, allowed in (("small", True), ("big", False)):
            given_ = {"service": "web", "cluster": "production", "task_definition": family}
            keys = context({"desired_count": None, "from_revision": None, **given_})
            assert ana.may("ecs:UpdateService", shop.arn, keys).allowed is allowed, (name, family)


# --- lists agree with decisions ------------------------------------------------------------------------

_TAGS: list[dict[str, str]] = [
    {},
    {"team": "blue"},
    {"Team": "blue", "env": "prod"},
    {"team": "red", "0": "zero"},
    {"team": "", "env": "Prod"},
    {"team": "blue*", "n": "10", "TEAM": "red"},
    {"a.b/c": "x", "team": "büro", "n": "9"},
]
_CONDITIONS = [
    {"StringEquals": {"aws:ResourceTag/team": ["blue", "red"]}},
    {"StringNotEquals": {"aws:ResourceTag/team": "blue"}},
    {"StringEquals": {"aws:ResourceTag/team": "${aws:username}"}},
    {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/none}"}},
    {"StringEqualsIfExists": {"ecs:ResourceTag/env": "prod"}},
    {"StringLike": {"aws:ResourceTag/team": "b*"}},
    {"StringNotLikeIfExists": {"aws:ResourceTag/TEAM": "b?*"}},
    {"StringEqualsIgnoreCase": {"aws:ResourceTag/env": "PROD"}},
    {"NumericLessThan": {"aws:ResourceTag/n": "10"}},
    {"NumericNotEquals": {"aws:ResourceTag/n": "10"}},
    {"Null": {"aws:ResourceTag/team": "true"}},
    {"Null": {"aws:ResourceTag/env": "false"}},
    {"ForAnyValue:StringEquals": {"aws:ResourceTag/team": "blue"}},
    {"ForAllValues:StringNotEquals": {"aws:ResourceTag/team": "blue"}},
    {"StringEquals": {"aws:ResourceTag/0": "zero"}},
    {"StringEquals": {"aws:ResourceTag/a.b/c": "x", "aws:ResourceTag/n": "9"}},
    {"ArnLike": {"ecs:cluster": "arn:aws:ecs:*:*:cluster/c1*"}},
    {"StringEquals": {"aws:username": "blue"}},
]


@st.composite
def _statements(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        "Action": "ecs:*",
        "Resource": draw(st.sampled_from(["*", "arn:aws:ecs:*:*:cluster/c?", here.cluster_arn("c3")])),
    }
    for _ in range(draw(st.integers(0, 2))):
        for operator, keys in draw(st.sampled_from(_CONDITIONS)).items():
            found.setdefault("Condition", {}).setdefault(operator, {}).update(keys)
    return found


@pytest.fixture
def tagged(db: None) -> None:
    for number, tags in enumerate(_TAGS):
        name = f"c{number}"
        Cluster.objects.create(name=name, arn=here.cluster_arn(name), tags=tags)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raws=st.lists(_statements(), min_size=1, max_size=4), guard=st.none() | _statements())
def test_a_list_by_tags_agrees_with_each_decision(
    tagged: None, raws: list[dict[str, Any]], guard: dict[str, Any] | None
) -> None:
    def compiled(found: list[dict[str, Any]]) -> Any:
        return parse({"Version": "2012-10-17", "Statement": found})

    caller = Caller(
        arn=here.user_arn("blue"),
        name="blue",
        face="rest",
        statements=(*compiled(raws), *compiled([allow("ecs:ListClusters")])),
        guards=() if guard is None else (compiled([guard, allow("ecs:ListClusters")]),),
        context={"aws:username": "blue"},
    )
    if not caller.may("ecs:ListClusters", "*").allowed:
        return
    expected = {
        row.name for row in Cluster.objects.all() if caller.may("ecs:DescribeClusters", row.arn).allowed
    }
    assert {row.name for row in list_clusters(caller)} == expected
