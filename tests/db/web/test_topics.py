"""Who may follow which topic of the live stream."""

from __future__ import annotations

import pytest

from access.identities.setup import ensure_ready_made
from access.models import Group, User
from access.registry import Caller
from console.live.topics import LISTS, MOST, allowed, may_watch
from tests import factories
from tests.factories import World


@pytest.fixture
def world(db: None) -> World:
    ensure_ready_made()
    return factories.world()


def caller(name: str, *groups: str) -> Caller:
    user = User.objects.create_user(name)
    for group in groups:
        Group.objects.get(name=group).members.add(user)
    return Caller.for_user(user, face="console")


def topics_of(world: World) -> list[str]:
    return [
        "cluster:production",
        "service:production/web",
        f"task:{world.new[0].pk}",
        "taskdef:web",
        f"instance:{world.instances[0].pk}",
        "logs:service:production/web",
        f"logs:task:{world.new[0].pk}",
    ]


def test_who_may_see_may_follow(world: World) -> None:
    rita = caller("rita", "read-only")
    assert allowed(rita, topics_of(world)) == topics_of(world)


def test_who_may_not_see_may_not_follow(world: World) -> None:
    zoe = caller("zoe")
    assert allowed(zoe, topics_of(world)) == []
    assert allowed(zoe, sorted(LISTS)) == sorted(LISTS)


def test_a_scoped_group_follows_its_own(world: World) -> None:
    other = factories.service(factories.cluster("lab"), "secret")
    revision = factories.service_revision(other, factories.definition("secret"))
    hidden = factories.task(revision, on=factories.instance(other.cluster, "lab-host"))
    Group.objects.filter(name="read-only").update(scope=[world.service.arn])
    paul = caller("paul", "read-only")
    assert may_watch(paul, "service:production/web")
    assert may_watch(paul, f"task:{world.new[0].pk}")
    for topic in ("service:lab/secret", "cluster:lab", f"task:{hidden.pk}", f"logs:task:{hidden.pk}"):
        assert not may_watch(paul, topic), topic


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "nonsense",
        "service:",
        "service:production",
        "task:",
        "task:nope",
        "logs:",
        "logs:cluster:production",
        "x:y",
    ],
)
def test_what_is_no_topic_is_refused(world: World, topic: str) -> None:
    assert not may_watch(caller("amina", "administrator"), topic)


def test_a_page_follows_a_bounded_number(world: World) -> None:
    amina = caller("amina", "administrator")
    many = [f"cluster:c{i}" for i in range(500)]
    assert len(allowed(amina, many)) == MOST
    assert allowed(amina, ["overview", "overview"]) == ["overview"]
