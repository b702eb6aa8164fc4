"""What a service is configured with, when it has not even the right shape: refused by name, never a failure."""

from __future__ import annotations

from typing import Any

import pytest

from base.errors import OperationError
from clusters.models import Cluster
from services import configuration
from services.models import TaskDefinition
from tests.db.rest.conftest import world
from tests.factories import World

__all__ = ["world"]

ODD: list[Any] = [[], [None, None], [{}], "text", 7, True, {"x": []}, {"x": None}]


@pytest.mark.parametrize("odd", ODD)
def test_a_deployment_configuration_of_any_shape(odd: Any) -> None:
    for given in (
        odd,
        {"deploymentCircuitBreaker": odd},
        {"deploymentCircuitBreaker": {"thresholdConfiguration": odd}},
        {"deploymentCircuitBreaker": {"thresholdConfiguration": {"type": odd, "value": odd}}},
        {"minimumHealthyPercent": odd, "maximumPercent": odd},
    ):
        if given and given != {"deploymentCircuitBreaker": []}:
            _refused(configuration.deployment_configuration, given)


@pytest.mark.parametrize("odd", ODD)
def test_networks_capacity_and_placement_of_any_shape(odd: Any, world: World) -> None:
    cluster = Cluster.objects.get(name="production")
    definition = TaskDefinition.objects.filter(family__name="web").first()
    assert definition is not None
    definition.document["networkMode"] = "awsvpc"
    for given in (odd, {"awsvpcConfiguration": odd}, {"awsvpcConfiguration": {"subnets": odd}}):
        _refused(configuration.network_configuration, cluster, definition, given)
    for item in (odd, {"capacityProvider": odd}, {"capacityProvider": "FARGATE", "weight": odd}):
        _refused(configuration.capacity, cluster, definition, None, [item])
    for item in (odd, {"type": odd}, {"type": "spread", "field": odd}):
        _refused(configuration.placement, [item], [])
        _refused(configuration.placement, [], [item])


def _refused(check: Any, *given: Any) -> None:
    """An answer or a refusal that names the field; anything else is a failure of ours."""
    try:
        check(*given)
    except OperationError as error:
        assert error.fields


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"deploymentCircuitBreaker": {"thresholdConfiguration": [None, None]}}, "thresholdConfiguration"),
        ({"deploymentCircuitBreaker": "yes"}, "deploymentCircuitBreaker"),
    ],
)
def test_the_wrong_place_is_named(given: Any, field: str) -> None:
    with pytest.raises(OperationError) as caught:
        configuration.deployment_configuration(given)
    assert next(iter(caught.value.fields)).endswith(field)
