from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.test import override_settings

from access.jobs import apply_retention
from access.models import AuditRecord, SignInGuard
from access.signon.models import UserSession


@override_settings(SLIPWAY_KEEP_AUDIT_DAYS=30)
def test_each_thing_is_kept_for_its_time(db: None, clock: Any) -> None:
    ages = {"audit": timedelta(days=30), "guard": timedelta(hours=1)}
    for name, age in ages.items():
        for moment in (clock.moment - age - timedelta(seconds=1), clock.moment - age + timedelta(seconds=1)):
            if name == "audit":
                AuditRecord.objects.create(at=moment, face="x", operation="x", action="x:Y", result="success")
            else:
                SignInGuard.objects.create(key=str(moment), failures=1, last_failure_at=moment)
    UserSession.objects.create(
        session_key="old", session_data="", expire_date=clock.moment - timedelta(days=99999)
    )
    UserSession.objects.create(
        session_key="new", session_data="", expire_date=clock.moment + timedelta(days=99999)
    )
    apply_retention()
    assert AuditRecord.objects.get().at > clock.moment - ages["audit"]
    assert SignInGuard.objects.get().last_failure_at > clock.moment - ages["guard"]
    assert UserSession.objects.get().session_key == "new"
