from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.arn import Arn, ArnError, Names, is_arn

NAMES = Names(account="123456789012", region="us-east-1")


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (NAMES.cluster("c"), "arn:aws:ecs:us-east-1:123456789012:cluster/c"),
        (NAMES.service("c", "s"), "arn:aws:ecs:us-east-1:123456789012:service/c/s"),
        (NAMES.task("c", "0a"), "arn:aws:ecs:us-east-1:123456789012:task/c/0a"),
        (NAMES.container_instance("c", "0a"), "arn:aws:ecs:us-east-1:123456789012:container-instance/c/0a"),
        (NAMES.task_definition("web", 3), "arn:aws:ecs:us-east-1:123456789012:task-definition/web:3"),
        (
            NAMES.service_deployment("c", "s", "x"),
            "arn:aws:ecs:us-east-1:123456789012:service-deployment/c/s/x",
        ),
        (NAMES.service_revision("c", "s", "1"), "arn:aws:ecs:us-east-1:123456789012:service-revision/c/s/1"),
        (NAMES.capacity_provider("p"), "arn:aws:ecs:us-east-1:123456789012:capacity-provider/p"),
        (NAMES.user("ana"), "arn:aws:iam::123456789012:user/ana"),
        (NAMES.policy("mine"), "arn:aws:iam::123456789012:policy/mine"),
        (NAMES.policy("deployer", ready_made=True), "arn:aws:iam::aws:policy/deployer"),
    ],
)
def test_builders_give_the_shapes_of_aws(built: str, expected: str) -> None:
    assert built == expected


def test_the_parts_of_a_service() -> None:
    arn = Arn.parse("arn:aws:ecs:us-east-1:123456789012:service/default/web")
    assert (arn.service, arn.region, arn.account) == ("ecs", "us-east-1", "123456789012")
    assert (arn.type, arn.path, arn.name) == ("service", ("default", "web"), "web")


def test_a_task_definition_keeps_its_revision() -> None:
    assert Arn.parse(NAMES.task_definition("web", 3)).name == "web:3"


@pytest.mark.parametrize(
    "text", ["", "web", "arn:aws:ecs", "arn::ecs:r:a:x/y", "arn:aws:ecs:r:a:", "urn:aws:ecs:r:a:x"]
)
def test_what_is_no_arn_is_refused(text: str) -> None:
    with pytest.raises(ArnError):
        Arn.parse(text)


PART = st.text(
    st.characters(codec="ascii", exclude_characters=":", exclude_categories=("Cc",)), min_size=1, max_size=12
)


@given(PART, PART, PART, PART, PART)
def test_parsing_undoes_formatting(
    partition: str, service: str, region: str, account: str, resource: str
) -> None:
    arn = Arn(partition, service, region, account, resource)
    assert Arn.parse(str(arn)) == arn
    assert is_arn(str(arn))
