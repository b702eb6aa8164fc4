"""Tags from the console: shown on every kind of page, changed by who may, and nothing half-done."""

from __future__ import annotations

import pytest

from access.models import AuditRecord
from services.models import Service
from tests import factories

ARN = "arn:aws:ecs:us-east-1:123456789012:service/production/web"


def _tags() -> dict[str, str]:
    return Service.objects.get(name="web").tags


def test_tags_are_added_changed_and_taken_away(reader, jobs) -> None:
    factories.world(quiet=True)
    Service.objects.update(tags={"team": "shop", "old": "1"})
    person = reader("deployer")
    assert "team=shop" in person.text(f"/edit-tags/?arn={ARN}")
    assert person.post(f"/edit-tags/?arn={ARN}", tags="team=crew\nstage = live") == (
        "/clusters/production/services/web/"
    )
    assert _tags() == {"team": "crew", "stage": "live"}
    assert set(AuditRecord.objects.values_list("operation", flat=True)) >= {"tag_resource", "untag_resource"}


def test_a_tag_that_will_not_do_leaves_all_as_it_was(reader, jobs) -> None:
    factories.world(quiet=True)
    Service.objects.update(tags={"old": "1"})
    person = reader("deployer")
    text = person.post(f"/edit-tags/?arn={ARN}", 400, tags="aws:mine=1")
    assert "are reserved" in text and "aws:mine=1" in text
    assert "Line 1 is not key=value" in person.post(f"/edit-tags/?arn={ARN}", 400, tags="nothing")
    assert _tags() == {"old": "1"}


def test_who_may_not_is_shown_why_and_refused(reader, rows) -> None:
    factories.world(quiet=True)
    person = reader("read-only")
    assert "ecs:TagResource" in person.text("/clusters/production/services/web/?tab=configuration")
    before = rows()
    person.post(f"/edit-tags/?arn={ARN}", 403, tags="team=shop")
    assert rows() == before
    assert AuditRecord.objects.filter(result="denied", action="ecs:TagResource").exists()


@pytest.mark.parametrize("arn", ["", "nonsense", ARN.replace("/web", "/none")])
def test_what_has_no_tags_is_refused(reader, arn: str) -> None:
    factories.world(quiet=True)
    assert reader("administrator").client.get("/edit-tags/", {"arn": arn}).status_code in (400, 404)
