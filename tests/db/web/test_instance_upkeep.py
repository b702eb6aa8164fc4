"""An instance's page: how its images are pulled, what would be cleaned up and why the rest stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from access.trail.models import AuditRecord
from base import clock
from clusters.models import ContainerInstance, InstanceCleaning
from console.web import instance_upkeep
from tests import factories

from .conftest import Reader

ITEMS = [
    {"kind": "image", "name": "shop/web:v11", "size": 48_211_000, "verdict": "remove", "reason": "unused"},
    {
        "kind": "image",
        "name": "shop/web:v12",
        "size": 48_211_000,
        "verdict": "keep",
        "reason": "service web can roll back to its revision 12",
    },
]


Readers = Callable[..., Reader]


@pytest.fixture
def host(db: None) -> ContainerInstance:
    return factories.world().instances[0]


def path(host: ContainerInstance, what: str = "") -> str:
    return f"/clusters/production/instances/{host.pk}/{what}"


def looked_at(host: ContainerInstance, **more: Any) -> None:
    given = {"items": ITEMS, "looked_at": clock.now(), "others": 3, **more}
    InstanceCleaning.objects.update_or_create(pk=host.pk, defaults=given)


def test_before_anybody_looked_the_page_says_what_will_happen(
    host: ContainerInstance, reader: Readers
) -> None:
    page = reader("administrator").text(path(host))
    assert "Not looked at yet." in page
    assert "<code>default</code>" in page
    assert not InstanceCleaning.objects.exists(), "a page that is read writes nothing"


def test_every_verdict_is_shown_with_its_reason(host: ContainerInstance, reader: Readers) -> None:
    looked_at(host)
    page = reader("administrator").text(path(host))
    assert "<b>1 thing</b> can go" in page
    assert "shop/web:v11" in page
    assert "service web can roll back to its revision 12" in page
    assert "3 other images are not Slipway's and are left alone" in page


def test_a_long_list_is_cut_and_says_so(
    host: ContainerInstance, reader: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance_upkeep, "_MOST_SHOWN", 1)
    looked_at(host)
    page = reader("administrator").text(path(host))
    assert "and 1 more" in page
    assert "shop/web:v12" not in page


def test_why_it_could_not_be_looked_at_and_a_full_disk_are_said(
    host: ContainerInstance, reader: Readers
) -> None:
    looked_at(host, error="host-a does not answer: no route to host")
    ContainerInstance.objects.filter(pk=host.pk).update(disk_total=1000, disk_free=50)
    page = reader("administrator").text(path(host))
    assert "no route to host" in page
    assert "disk is nearly full" in page


def test_an_operator_looks_and_cleans_and_an_administrator_sets(
    host: ContainerInstance, reader: Readers
) -> None:
    operator = reader("operator")
    assert operator.post(path(host, "clean/"), dry_run="on") == path(host)
    row = InstanceCleaning.objects.get(pk=host.pk)
    assert (row.wake_at is not None, row.asked_to_clean) == (True, False)
    operator.post(path(host, "clean/"))
    row.refresh_from_db()
    assert row.asked_to_clean
    assert (
        AuditRecord.objects.filter(
            operation="clean_container_instance", actor_name=operator.user.username
        ).count()
        == 2
    )
    given = {"image_pull_behavior": "once", "image_cleanup": "disabled"}
    operator.post(path(host, "settings/"), 403, **given)
    reader("administrator").post(path(host, "settings/"), **given)
    host.refresh_from_db()
    assert host.settings == {"imagePullBehavior": "once", "imageCleanup": "disabled"}


def test_who_may_only_read_sees_the_buttons_disabled_with_their_permissions(
    host: ContainerInstance, reader: Readers
) -> None:
    looked_at(host)
    page = reader("read-only").text(path(host))
    for action in ("slipway:CleanContainerInstance", "slipway:UpdateContainerInstanceSettings"):
        assert f"<code>{action}</code>" in page
    assert "shop/web:v11" in page
    reader("read-only").post(path(host, "clean/"), 403)
    assert not InstanceCleaning.objects.get(pk=host.pk).asked_to_clean


def test_a_setting_that_is_none_is_said_and_not_taken(host: ContainerInstance, reader: Readers) -> None:
    client = reader("administrator")
    client.post(path(host, "settings/"), image_pull_behavior="sometimes")
    assert "one of default, always, once, prefer-cached" in client.text(path(host))
    host.refresh_from_db()
    assert host.settings == {}


def test_gpus_are_shown_with_who_has_them(host: ContainerInstance, reader: Readers) -> None:
    assert "GPUs" not in reader("administrator").text(path(host))
    ContainerInstance.objects.filter(pk=host.pk).update(gpus=["GPU-a", "GPU-b"])
    host.held_gpus.create(gpu="GPU-b", holder="arn:the-task")
    page = reader("administrator").text(path(host))
    assert "<code>GPU-a</code> <span" in page and "free</span>" in page
    assert "GPU-b" in page and "arn:the-task" in page
