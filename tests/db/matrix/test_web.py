"""The same table on the pages: every form by every ready-made policy."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from access.authorization.matrix import rows as table
from access.identities.ready_made import READY_MADE
from access.language.parsing import parse
from access.models import AuditRecord
from access.policy import evaluate
from access.signon import session_store
from base import jobs_by_name
from console.web.access_actions import DEEDS
from console.web.urls import urlpatterns
from tests.db.matrix.forms import ELSEWHERE, FORMS, ONESELF, READS, Form
from tests.db.rest.cases import Scene
from tests.db.rest.conftest import make_user, rows
from tests.factories import World

# Their answer is shown at once, on no page of its own: a new secret, a link, a value.
_ANSWERED = ("user-key-new", "user-invite", "user-link", "secret", "parameter", "task-exec-begin")
POLICIES = [one.name for one in READY_MADE]


def test_every_page_is_known() -> None:
    known = READS | {form.page for form in FORMS}
    names = {str(pattern.name) for pattern in urlpatterns}
    new = {name for name in names - known if not name.startswith((*ONESELF, *ELSEWHERE))}
    new = {name for name in new if not name.startswith("styleguide")}
    assert new == set(), "add these pages to tests/db/matrix/forms.py"


def test_every_button_of_the_pages_of_access_is_known() -> None:
    tried = {
        (form.place["kind"], form.place["what"]): form.operations
        for form in FORMS
        if form.page == "access-do"
    }
    offered = {
        (kind, what): (deed.operation,) for kind, deeds in DEEDS.items() for what, deed in deeds.items()
    }
    assert tried == offered


@pytest.mark.parametrize("policy", POLICIES)
def test_every_form_is_answered_as_the_table_says(
    policy: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_by_name, "send", lambda name, *args, delay=0.0: None)
    # Once a minute a session notes that it is used: a slow machine takes longer over all these forms.
    monkeypatch.setattr(session_store, "_SEEN_EVERY", timedelta(hours=1))
    scene = Scene.of(world)
    client = Client()
    client.force_login(make_user("mallory", policy))
    client.get("/")  # what a session writes at its first page is no change of a form's
    verdicts = {row.operation: row.verdicts[policy] for row in table()}
    before = rows()
    wrong = []
    for form in FORMS:
        if all(verdicts[name] == "yes" for name in form.operations) and _has(policy, form.beside):
            problem = _allowed(client, form, scene)
        else:
            problem = _denied(client, form, scene)
            if problem is None and rows() != before:
                problem = "its denial changed rows"
        if problem is not None:
            wrong.append(f"{form}: {problem}")
    assert wrong == []


def _has(policy: str, action: str) -> bool:
    """Whether the policy allows the action, on everything; of no action it is true."""
    [document] = [one.document for one in READY_MADE if one.name == policy]
    return not action or evaluate(parse(document, source=policy), action, "*").allowed


def _address(form: Form, scene: Scene) -> str:
    place = {name: _filled(value, scene) for name, value in form.place.items()}
    return reverse(form.page, kwargs=place) + str(_filled(form.query, scene))


def _filled(value: object, scene: Scene) -> object:
    return scene._filled(value) if isinstance(value, str) and not value.startswith('{"') else value


def _allowed(client: Client, form: Form, scene: Scene) -> str | None:
    here = transaction.savepoint()
    response = client.post(
        _address(form, scene), {name: _filled(value, scene) for name, value in form.data.items()}
    )
    transaction.savepoint_rollback(here)
    shown = form.page in _ANSWERED and response.status_code in (200, 201)
    done = response.status_code == 302 or shown
    return None if done else f"{response.status_code} {response.get('X-Error', '')}"


def _denied(client: Client, form: Form, scene: Scene) -> str | None:
    newest = AuditRecord.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    response = client.post(
        _address(form, scene), {name: _filled(value, scene) for name, value in form.data.items()}
    )
    if response.status_code != 403:
        return f"not denied but {response.status_code}"
    records = list(AuditRecord.objects.filter(pk__gt=newest))
    if [(one.result, one.face, one.actor_name) for one in records] != [("denied", "console", "mallory")]:
        return f"its denial left {[(one.result, one.action) for one in records]}"
    return None
