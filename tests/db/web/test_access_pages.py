"""The pages of access: who sees them, what they show, what their buttons do, and what a refusal leaves behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from access.models import AuditRecord, Group, Policy, User
from tests.db.web.conftest import Reader

Make = Callable[..., Reader]
LISTS = ("/access/users/", "/access/groups/", "/access/policies/")


@pytest.fixture
def scene(db: None) -> None:
    from access.setup import ensure_ready_made

    ensure_ready_made()
    team = Group.objects.create(name="team-shop", scope=["arn:aws:ecs:us-east-1:123456789012:cluster/shop"])
    ana = User.objects.create_user("ana", display_name="Ana Lima")
    team.members.add(ana)
    team.policies.add(Policy.objects.get(name="deployer"))


@pytest.mark.parametrize(
    "path", [*LISTS, "/access/users/ana/", "/access/groups/team-shop/", "/access/policies/deployer/"]
)
@pytest.mark.parametrize("group", ["administrator", "read-only"])
def test_who_may_look_sees_every_page(reader: Make, scene: None, path: str, group: str) -> None:
    text = reader(group).text(path)
    assert 'aria-current="page"' in text


@pytest.mark.parametrize("path", LISTS)
def test_who_may_not_is_told_which_permission_is_missing(reader: Make, scene: None, path: str) -> None:
    text = reader().text(path, 403)
    assert "Missing permission" in text
    assert "/access/explain/?action=iam" in text
