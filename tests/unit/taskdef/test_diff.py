"""The differences between revisions: all of them, nothing else, in words."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.taskdef import fields
from services.taskdef.diff import Change, diff
from services.taskdef.facts import (
    CONTAINER_TERMS,
    HEALTH_TERMS,
    LINUX_TERMS,
    LOG_TERMS,
    PLATFORM_TERMS,
    RESTART_TERMS,
    TASK_TERMS,
    facts,
)
from services.taskdef.schema import Field
from services.taskdef.validate import validate
from tests.unit.taskdef.examples import container, document
from tests.unit.taskdef.strategies import documents, examples


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [(c.label, c.before, c.after) for c in diff(validate(before), validate(after))]


def test_a_revision_as_people_change_it() -> None:
    env = [{"name": "FEATURE_CART", "value": "on"}, {"name": "LEVEL", "value": "info"}]
    before = document(
        container(environment=env, cpu=128, portMappings=[{"containerPort": 80, "hostPort": 8080}])
    )
    after = document(
        container(
            image="nginx:1.26",
            environment=[{"name": "LEVEL", "value": "debug"}],
            cpu=256,
            memory=256,
            portMappings=[{"containerPort": 80}],
            healthCheck={"command": ["CMD-SHELL", "wget -qO- localhost"], "interval": 10},
        ),
        volumes=[{"name": "data"}],
        memory="0.5 GB",
    )
    assert changes(before, after) == [
        ("Image", "nginx:1.25", "nginx:1.26"),
        ("CPU units", "128", "256"),
        ("Memory", "128 MiB", "256 MiB"),
        ("env FEATURE_CART", "on", None),
        ("env LEVEL", "info", "debug"),
        ("Port 80/tcp", "host port 8080", "host port chosen at start"),
        ("Health check", None, "CMD-SHELL wget -qO- localhost"),
        ("Health check interval", None, "10 s"),
        ("Task memory", None, "512 MiB"),
        ("Volume data", None, "lives as long as the task"),
    ]


def test_with_several_containers_the_label_says_which() -> None:
    before = document(container(), container("log", essential=False, memory=64))
    after = document(
        container("web", image="nginx:2"), container("cache", image="redis", command=["-p", "a b"])
    )
    assert changes(before, after) == [
        ("web: Image", "nginx:1.25", "nginx:2"),
        ("Container cache", None, "present"),
        ("cache: Image", None, "redis"),
        ("cache: Memory", None, "128 MiB"),
        ("cache: Command", None, "-p 'a b'"),
        ("Container log", "present", None),
        ("log: Image", "nginx:1.25", None),
        ("log: Essential", "no", None),
        ("log: Memory", "64 MiB", None),
    ]


def test_a_default_that_changes_is_told() -> None:
    before, after = (
        document(container(), container("x")),
        document(container(), container("x", essential=False)),
    )
    assert changes(before, after) == [("x: Essential", "yes", "no")]


def test_ports_are_in_the_order_of_their_numbers() -> None:
    ports = [{"containerPort": port} for port in (9000, 443, 80)]
    found = changes(document(), document(container(portMappings=ports)))
    assert [label for label, _, _ in found] == ["Port 80/tcp", "Port 443/tcp", "Port 9000/tcp"]


def test_order_without_meaning_is_no_difference_but_the_command_s_order_is() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    one = document(container(environment=env, command=["a", "b"]), container("x"))
    two = document(container("x"), container(environment=env[::-1], command=["a", "b"]))
    assert changes(one, two) == []
    assert changes(one, document(container(environment=env, command=["b", "a"]), container("x"))) == [
        ("web: Command", "a b", "b a")
    ]


def test_parts_of_the_label_are_there_for_translation() -> None:
    before, after = document(container()), document(container(environment=[{"name": "A", "value": ""}]))
    assert diff(validate(before), validate(after)) == [
        Change("containerDefinitions[web].environment[A]", "env A", None, "", "added", term="env", item="A")
    ]


def test_every_field_is_told() -> None:
    tables = [
        (fields.DOCUMENT, {*TASK_TERMS, "containerDefinitions"}),
        (fields.CONTAINER, {*CONTAINER_TERMS, "name"}),
        (fields.HEALTH_CHECK, set(HEALTH_TERMS)),
        (fields.LINUX_PARAMETERS, set(LINUX_TERMS)),
        (fields.LOG_CONFIGURATION, set(LOG_TERMS)),
        (fields.RESTART_POLICY, set(RESTART_TERMS)),
        (fields.RUNTIME_PLATFORM, set(PLATFORM_TERMS)),
    ]
    for struct, told in tables:
        assert told == {name for name, member in struct.fields.items() if isinstance(member, Field)}


# ---- properties ------------------------------------------------------------------------------------------

ORDERED = {"command", "entryPoint", "dnsServers", "dnsSearchDomains", "mountOptions"}


def canonical(value: Any, name: str = "") -> Any:
    """The document with lists sorted where order means nothing."""
    if isinstance(value, dict):
        return {key: canonical(item, key) for key, item in value.items()}
    if isinstance(value, list):
        items = [canonical(item) for item in value]
        return items if name in ORDERED else sorted(items, key=repr)
    return value


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two valid documents that share most of what they say."""
    one, other = validate(draw(documents())), validate(draw(documents()))
    mixed = copy.deepcopy(one)
    for name in draw(
        st.lists(st.sampled_from(sorted({*one, *other} - {"containerDefinitions"})), max_size=2)
    ):
        if name in other:
            mixed[name] = copy.deepcopy(other[name])
        else:
            mixed.pop(name, None)
    source = other["containerDefinitions"][0]
    target = mixed["containerDefinitions"][0]
    for name in draw(st.lists(st.sampled_from(sorted({*source, *target})), max_size=3)):
        if name in source:
            target[name] = copy.deepcopy(source[name])
        else:
            target.pop(name, None)
    return one, draw(st.sampled_from([mixed, other]))


@examples(30)
@given(documents(), st.randoms())
def test_equal_documents_show_nothing(request: dict[str, Any], random: Any) -> None:
    one = validate(request)
    other = copy.deepcopy(one)
    random.shuffle(other["containerDefinitions"])
    for each in other["containerDefinitions"]:
        random.shuffle(each["environment"])
        random.shuffle(each["portMappings"])
    assert diff(one, copy.deepcopy(one)) == [] == diff(one, other)


@examples(80)
@given(pairs())
def test_different_documents_always_show_something(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    one, other = pair
    assert (diff(one, other) == []) is (canonical(one) == canonical(other))


@examples(30)
@given(pairs())
def test_the_other_way_round_is_the_mirror(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    mirrored = [(c.path, c.label, c.after, c.before, turned[c.kind]) for c in diff(*pair)]
    assert [(c.path, c.label, c.before, c.after, c.kind) for c in diff(*pair[::-1])] == mirrored


@examples(30)
@given(pairs())
def test_every_change_is_one(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    found = diff(*pair)
    assert all(c.before != c.after and c.label for c in found)
    assert len({c.path for c in found}) == len(found)


@examples(30)
@given(documents())
def test_every_fact_has_a_place_of_its_own(request: dict[str, Any]) -> None:
    paths = [fact.path for fact in facts(validate(request))]
    assert len(set(paths)) == len(paths)
