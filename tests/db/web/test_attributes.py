"""Attributes of container instances: put, deleted, listed; what is wrong is named and leaves everything as it was."""

from __future__ import annotations

from typing import Any

import pytest

from access.models import AuditRecord
from access.registry import system_caller
from base.errors import InvalidParameter, OperationError
from clusters.attributes import MOST, delete_attributes, list_attributes, put_attributes
from clusters.connection import record_connected
from clusters.models import ContainerInstance
from clusters.operations import register_container_instance
from tests import factories

CALLER = system_caller("test")
KIND = "container-instance"


@pytest.fixture
def host(db: None) -> ContainerInstance:
    return factories.instance(
        factories.cluster("default"), "a", attributes={"ecs.availability-zone": "a", "old": "1"}
    )


def item(row: ContainerInstance, name: str, value: str = "", **more: str) -> dict[str, str]:
    return {"name": name, "targetId": row.pk, **({"value": value} if value else {}), **more}


def own(row: ContainerInstance) -> dict[str, str]:
    row.refresh_from_db()
    return row.attributes


def test_put_replaces_and_answers_in_aws_form(host: ContainerInstance) -> None:
    put = put_attributes(
        CALLER,
        attributes=[
            item(host, "rack", "7"),
            item(host, "gpu"),
            item(host, "old", "2", targetType="container-instance"),
        ],
    )
    assert put[0] == {"name": "rack", "value": "7", "targetType": "container-instance", "targetId": host.arn}
    assert "value" not in put[1]
    assert own(host) == {"ecs.availability-zone": "a", "old": "2", "rack": "7", "gpu": ""}
    changes = AuditRecord.objects.get(operation="put_attributes").changes
    assert changes[0]["field"] == "attributes" and changes[0]["after"]["rack"] == "7"


def test_delete_ignores_what_is_not_there(host: ContainerInstance) -> None:
    gone = delete_attributes(CALLER, attributes=[item(host, "old"), item(host, "none")])
    assert [one["name"] for one in gone] == ["old"]
    assert own(host) == {"ecs.availability-zone": "a"}


def test_list_by_name_and_value(host: ContainerInstance) -> None:
    other = factories.instance(host.cluster, "b", attributes={"old": "2"})
    assert {one["targetId"] for one in list_attributes(CALLER, attribute_name="old")} == {host.arn, other.arn}
    found = list_attributes(CALLER, attribute_name="old", attribute_value="2")
    assert found == [{"name": "old", "value": "2", "targetType": "container-instance", "targetId": other.arn}]
    with pytest.raises(InvalidParameter, match="attributeName"):
        list_attributes(CALLER, attribute_value="2")


WRONG: list[tuple[Any, str]] = [
    ([], "attributes"),
    ({"name": "x"}, "attributes"),
    (["x"], "attributes[0]"),
    ([{"name": "rack", "value": "7"}], "attributes[0].targetId"),
    ([{"name": "ecs.os-type", "value": "7", "targetId": "x"}], "attributes[0].name"),
    ([{"name": "a b", "targetId": "x"}], "attributes[0].name"),
    ([{"name": "a", "value": " b", "targetId": "x"}], "attributes[0].value"),
    ([{"name": "a", "value": "é", "targetId": "x"}], "attributes[0].value"),
    ([{"name": "a", "targetId": "x", "targetType": "task"}], "attributes[0].targetType"),
    ([{"name": "a", "targetId": "x", "colour": "red"}], "attributes[0].colour"),
    ([{"name": "a", "targetId": "nowhere"}], "targetId"),
    ([{"name": f"a{n}", "targetId": "x"} for n in range(11)], "attributes"),
]


@pytest.mark.parametrize(("given", "field"), WRONG)
def test_what_is_wrong_is_named(host: ContainerInstance, given: Any, field: str) -> None:
    for operation in (put_attributes, delete_attributes):
        with pytest.raises(OperationError) as caught:
            operation(CALLER, attributes=given)
        assert field in caught.value.fields or "value" in field
    assert own(host) == {"ecs.availability-zone": "a", "old": "1"}


def test_no_more_than_aws_allows(host: ContainerInstance) -> None:
    put_attributes(CALLER, attributes=[item(host, f"a{n}", "x") for n in range(MOST - 1)])
    with pytest.raises(OperationError) as caught:
        put_attributes(CALLER, attributes=[item(host, "one-more", "x")])
    assert caught.value.code == "AttributeLimitExceededException"
    assert "one-more" not in own(host)


def test_a_registration_brings_attributes_and_zone(db: None) -> None:
    factories.cluster("default")
    made = register_container_instance(
        CALLER, url="unix:///tmp/x.sock", attributes={"ecs.availability-zone": "north", "rack": "7"}
    )
    assert made.attributes == {"ecs.availability-zone": "north", "rack": "7"}
    for wrong in ({"ecs.os-type": "x"}, {"rack": "é"}, {"a b": "x"}):
        with pytest.raises(InvalidParameter):
            register_container_instance(CALLER, url="unix:///tmp/y.sock", attributes=wrong)


def test_the_zone_is_changed_but_not_taken_away(host: ContainerInstance) -> None:
    put_attributes(CALLER, attributes=[item(host, "ecs.availability-zone", "b")])
    assert own(host)["ecs.availability-zone"] == "b"
    with pytest.raises(InvalidParameter):
        delete_attributes(CALLER, attributes=[item(host, "ecs.availability-zone")])


def test_an_engine_that_connects_keeps_what_people_set_meanwhile(host: ContainerInstance) -> None:
    from clusters.engine.fake import FakeEngine
    from clusters.engine.fake_host import FakeHost

    stale = ContainerInstance.objects.select_related("cluster").get(pk=host.pk)
    put_attributes(CALLER, attributes=[item(host, "rack", "7")])
    record_connected(stale, FakeEngine(FakeHost(name="a"), "x").info())
    assert own(host)["rack"] == "7" and "ecs.cpu-architecture" in own(host)


def test_the_page_sets_and_takes_away(reader: Any) -> None:
    w = factories.world(quiet=True)
    row = ContainerInstance.objects.filter(cluster__name="production").first()
    assert row is not None and w
    address = f"/clusters/production/instances/{row.pk}/attributes/"
    person = reader("administrator")
    zone = row.availability_zone
    assert f'value="{zone}"' in person.text(address)
    person.post(address, zone="b", attributes="rack=7\nstack=prod")
    person.post(address, zone="b", attributes="rack=8")
    assert {k: v for k, v in own(row).items() if not k.startswith("ecs.c") and not k.startswith("ecs.o")} == {
        "ecs.availability-zone": "b",
        "rack": "8",
    }
    text = person.post(address, 400, zone="b", attributes="ecs.rack=8")
    assert "not starting with ecs." in text and own(row)["rack"] == "8"
    assert "ecs:PutAttributes" in reader("read-only").text(address)


@pytest.mark.parametrize("target", [{}, [], 7, None])
def test_a_target_that_is_no_text_is_named(host: ContainerInstance, target: object) -> None:
    with pytest.raises(InvalidParameter) as caught:
        put_attributes(CALLER, attributes=[{"name": "rack", "value": "7", "targetId": target}])
    assert "attributes[0].targetId" in caught.value.fields
    assert own(host).get("rack") is None
