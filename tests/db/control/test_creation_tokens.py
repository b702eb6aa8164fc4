"""The clientToken of CreateService, and the settings of clusters."""

from __future__ import annotations

from typing import Any

import pytest

from access.registry import call, system_caller
from base.errors import InvalidParameter, Unsupported
from clusters.models import Cluster
from services.models import Deployment, Service
from tests.db.control.world import World

ROOT = system_caller("test")


@pytest.fixture(autouse=True)
def registered(world: World) -> None:
    world.register()


def create(token: str | None, **more: Any) -> Service:
    request = {"service_name": "web", "cluster": "default", "task_definition": "web", "desired_count": 1}
    made: Service = call("create_service", ROOT, **request | more, client_token=token)
    return made


def test_a_repeat_answers_the_service_of_the_first_call(world: World) -> None:
    first = create("once")
    assert create("once").pk == first.pk
    assert (Service.objects.count(), Deployment.objects.count()) == (1, 1)
    assert Cluster.objects.get(pk=first.cluster_id).active_services == 1


@pytest.mark.parametrize("more", [{"desired_count": 2}, {"service_name": "other"}])
def test_another_request_with_the_token_is_refused(world: World, more: dict[str, Any]) -> None:
    create("once")
    with pytest.raises(InvalidParameter, match="not idempotent") as caught:
        create("once", **more)
    assert list(caught.value.fields) == ["clientToken"] and Service.objects.count() == 1


@pytest.mark.parametrize("token", ["another", "", None])
def test_the_name_is_taken_for_every_other_call(world: World, token: str | None) -> None:
    create("once")
    with pytest.raises(InvalidParameter) as caught:
        create(token)
    assert list(caught.value.fields) == ["serviceName"]


def test_a_deleted_service_frees_its_token(world: World) -> None:
    first = create("once")
    Service.objects.filter(pk=first.pk).update(status="INACTIVE")
    assert create("once", desired_count=2).pk != first.pk


@pytest.mark.parametrize("token", ["x" * 37, "with space", "é"])
def test_a_token_is_visible_ascii(world: World, token: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        create(token)
    assert list(caught.value.fields) == ["clientToken"]


# ---- settings of clusters ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["create_cluster", "update_cluster", "update_cluster_settings"])
def test_settings_take_what_is_so_and_refuse_the_rest_by_name(world: World, name: str) -> None:
    given = {"cluster_name": "new"} if name == "create_cluster" else {"cluster": "default"}
    setting = {"name": "containerInsights", "value": "disabled"}
    assert call(name, ROOT, **given, settings=[setting]).status == "ACTIVE"
    for value in ("enabled", "enhanced"):
        with pytest.raises(Unsupported, match=f"containerInsights {value}"):
            call(name, ROOT, **given, settings=[setting | {"value": value}])
    for wrong, field in (
        ({"name": "other"}, "settings[0].name"),
        ({"value": "on"}, "settings[0].value"),
        ({"more": "x"}, "settings[0].more"),
    ):
        with pytest.raises(InvalidParameter) as caught:
            call(name, ROOT, **given, settings=[setting | wrong])
        assert list(caught.value.fields) == [field]
