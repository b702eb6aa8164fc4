"""Prepared queries answer what the queryset itself would, at every run anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, models, transaction
from django.db.models import Count, DateTimeField, F
from django.test.utils import CaptureQueriesContext

from access.models import AuditRecord, Group, Policy, PolicyVersion, User
from base.clock import now
from base.prepared import (
    Given,
    Prepared,
    PreparedEach,
    PreparedUpdate,
    asked,
    copy_of,
    insert,
    lasting,
    prefetched,
    update,
)

pytestmark = pytest.mark.django_db

BY_NAME = Prepared(lambda: User.objects.filter(username=Given("name")).order_by()[:1])
BOUNDED = Prepared(lambda: User.objects.select_related("boundary").order_by("username"))
SINCE = Prepared(
    lambda: User.objects.filter(created_at__gt=Given("moment", DateTimeField())).values_list(
        "username", flat=True
    )
)


def make(name: str, **more: Any) -> User:
    return User.objects.create_user(name, **more)


def test_each_run_asks_the_database_with_its_own_values() -> None:
    ana = make("ana", tags={"team": "a"})
    assert BY_NAME.first(name="ana") == ana
    assert BY_NAME.first(name="ben") is None
    make("ben")
    User.objects.filter(pk=ana.pk).update(tags={"team": "b"})
    assert BY_NAME.first(name="ben") is not None
    found = BY_NAME.first(name="ana")
    assert found is not None and found.tags == {"team": "b"} and found.created_at == ana.created_at
    with CaptureQueriesContext(
        connection,
    ) as asked:
        BY_NAME.first(name="ana")
    assert len(asked) == 1


def test_rows_come_with_what_they_are_joined_to() -> None:
    policy = Policy.objects.create(name="edge", document={"Statement": []})
    make("ana", boundary=policy)
    make("ben")
    with CaptureQueriesContext(connection) as asked:
        ana, ben = BOUNDED.all()
        assert ana.boundary == policy and ana.boundary.document == {"Statement": []} and ben.boundary is None
    assert len(asked) == 1


def test_rows_are_as_djangos_own(django_assert_num_queries: Any) -> None:
    policy = Policy.objects.create(name="edge", document={"Statement": []})
    make("ana", boundary=policy, tags={"team": "a"})
    mine = BOUNDED.all()[0]
    django = User.objects.select_related("boundary").get(username="ana")
    for one, other in ((mine, django), (mine.boundary, django.boundary)):
        assert one is not None and other is not None
        state, same = dict(vars(one)), dict(vars(other))
        assert vars(state.pop("_state")).keys() == vars(same.pop("_state")).keys() and state == same
        assert (one._state.adding, one._state.db) == (other._state.adding, other._state.db)
    mine.display_name = "Ana"
    mine.save()
    assert User.objects.get(pk=mine.pk).display_name == "Ana"
    few = Prepared(lambda: User.objects.only("username").filter(username=Given("name"))).one(name="ana")
    lazy = User.objects.only("username").get(username="ana").get_deferred_fields()
    with django_assert_num_queries(0):
        assert few.username == "ana" and few.get_deferred_fields() == lazy
    with django_assert_num_queries(1):
        assert few.display_name == "Ana"


def test_times_are_written_as_the_field_writes_them() -> None:
    ana = make("ana")
    assert SINCE.all(moment=ana.created_at - timedelta(seconds=1)) == ["ana"]
    assert SINCE.all(moment=ana.created_at) == []


def test_unions_and_counts() -> None:
    group = Group.objects.create(name="team")
    group.members.add(make("ana"), make("ben"))
    users = Prepared(
        lambda: (
            User.objects.filter(username=Given("name"))
            .order_by()
            .values_list("username")
            .union(Group.objects.filter(name=Given("group")).order_by().values_list("name"), all=True)
        )
    )
    assert sorted(users.all(name="ana", group="team")) == [("ana",), ("team",)]
    assert users.all(name="eve", group="team") == [("team",)]
    counted: Prepared[Any] = Prepared(
        lambda: Group.objects.filter(name=Given("group")).annotate(n=Count("members")).order_by()
    )
    assert [one.n for one in counted.all(group="team")] == [2]


def test_none_is_refused_since_it_would_match_nothing() -> None:
    with pytest.raises(TypeError, match="name is None"):
        BY_NAME.first(name=None)


def test_a_value_is_never_part_of_the_statement() -> None:
    make("ana")
    assert BY_NAME.first(name="ana' OR '1'='1") is None
    assert BY_NAME.first(name="%s") is None


class Asked(Exception):
    """Raised where a statement would go to the database."""


def refuse(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
    raise Asked(context["connection"])


RENAME = PreparedUpdate(lambda: User.objects.filter(username=Given("name")), display_name="shown")


@pytest.mark.parametrize("statement", [BY_NAME, RENAME])
def test_a_statement_is_written_once_and_goes_over_the_connection_of_whoever_asks(
    statement: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = getattr(statement, "run", None) or statement.first
    run(name="ana")
    monkeypatch.setattr(statement, "build", None)  # not asked again

    def elsewhere() -> bool:
        try:
            with connection.execute_wrapper(refuse), pytest.raises(Asked) as refused:
                run(name="ana")
            return refused.value.args[0] is connections["default"]
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(elsewhere).result()
    run(name="ana")  # here nobody refuses


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not connection.features.has_select_for_update, reason="SQLite has no locks of rows")
def test_rows_are_locked_within_a_transaction_only() -> None:
    locked = Prepared(lambda: User.objects.select_for_update().filter(username=Given("name")).order_by())
    for _ in range(2):
        with pytest.raises(transaction.TransactionManagementError):
            locked.first(name="ana")
        with transaction.atomic():
            assert locked.first(name="ana") is None


def test_nothing_of_a_thread_is_kept_with_a_statement() -> None:
    mine = Prepared(lambda: User.objects.filter(username=Given("name")).order_by())
    mine.first(name="ana")
    kept = mine._compiled().compiler.connection
    assert kept is not connections["default"] and (kept.connection is None or kept.is_in_memory_db())


def test_what_is_made_of_a_row_is_made_once_while_it_says_the_same() -> None:
    made: list[Any] = []

    def note(row: Any) -> tuple[Any, ...]:
        made.append(row)
        return (row[0].upper(), row[1].tzinfo)

    names = PreparedEach(
        lambda: (
            User.objects.filter(username__startswith="p")
            .order_by("username")
            .values_list("username", "created_at")
        ),
        note,
        kept=2,
    )
    make("paul")
    first = names.all()
    [(name, zone)] = first
    assert name == "PAUL" and zone is not None  # times as the queryset gives them
    make("pia")
    assert names.all()[0] is first[0] and len(made) == 2
    User.objects.filter(username="paul").update(username="peter")
    assert [one[0] for one in names.all()] == ["PETER", "PIA"]  # no more than two are kept
    assert [one[0] for one in names.all()] == ["PETER", "PIA"] and len(made) == 4


def test_an_update_tells_how_many_rows_it_changed() -> None:
    rename = PreparedUpdate(lambda: User.objects.filter(username=Given("name")), display_name=Given("shown"))
    count = PreparedUpdate(
        lambda: Policy.objects.filter(name=Given("name")), last_version=F("last_version") + 1
    )
    ana = make("ana")
    policy = Policy.objects.create(name="edge", document={})
    assert rename.run(name="ana", shown="Ana") == 1
    assert rename.run(name="eve", shown="Eve") == 0
    assert count.run(name="edge") == count.run(name="edge") == 1
    ana.refresh_from_db()
    policy.refresh_from_db()
    assert (ana.display_name, policy.last_version) == ("Ana", 3)


def test_insert_and_update_write_what_save_writes() -> None:
    def record() -> AuditRecord:
        return AuditRecord(
            at=moment, face="aws", operation="o", action="a", result="success", parameters={"a": [1, None]}
        )

    moment = now()
    ours, django = record(), record()
    insert(ours)
    django.save(force_insert=True)
    assert ours.pk is not None and ours.pk != django.pk and not ours._state.adding
    rows = list(AuditRecord.objects.order_by("pk").values())
    assert [{**row, "id": 0} for row in rows[:1]] == [{**row, "id": 0} for row in rows[1:]]

    ana = make("ana")
    ana.tags, ana.display_name, ana.email = {"a": "b"}, "Ana", "not@written.example"
    update(ana, "tags", "display_name")
    kept = User.objects.get(pk=ana.pk)
    assert (kept.tags, kept.display_name, kept.email) == ({"a": "b"}, "Ana", "")
    User.objects.filter(pk=ana.pk).delete()
    with pytest.raises(DatabaseError, match="not there any more"):
        update(ana, "tags")


def test_a_lasting_queryset_is_asked_anew_and_written_once() -> None:
    kept = lasting(User.objects.filter(username__startswith="l").order_by("username"))
    written = []

    def names(rows: Any) -> Any:
        written.append(rows)
        return rows.values_list("username", flat=True)

    make("lena")
    assert asked(copy_of(kept), "names", names) == ["lena"]
    make("liam")
    assert asked(copy_of(kept), "names", names) == ["lena", "liam"]
    assert len(written) == 1


def test_a_copy_is_like_any_queryset_and_remembers_nothing_for_others() -> None:
    kept = lasting(User.objects.filter(username__startswith="m").order_by("username"))
    make("mara")
    assert [one.username for one in copy_of(kept)] == ["mara"]
    make("mila")
    assert [one.username for one in copy_of(kept)] == ["mara", "mila"]
    narrowed = copy_of(kept).exclude(username="mara")
    assert [one.username for one in asked(narrowed, "rows", lambda rows: rows)] == ["mila"]
    assert [one.username for one in asked(copy_of(kept), "rows", lambda rows: rows)] == ["mara", "mila"]


def test_a_mark_in_a_text_of_the_statement_is_no_parameter() -> None:
    make("100%s")
    constant = Prepared(lambda: User.objects.filter(username="100%s").extra(where=["'%%s' <> '%%'"]))
    assert [one.username for one in constant.all()] == ["100%s"]


def test_statements_are_counted_and_fail_as_djangos_do(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        BY_NAME.all(name="nobody")
    broken = Prepared(lambda: User.objects.extra(where=["no_such_column = 1"]))
    with pytest.raises(DatabaseError), transaction.atomic():
        broken.all()


def test_one_is_the_row_or_does_not_exist() -> None:
    ana = make("ana")
    assert BY_NAME.one(name="ana") == ana
    with pytest.raises(User.DoesNotExist, match="eve"):
        BY_NAME.one(name="eve")


def test_an_update_sets_null_where_it_may() -> None:
    field = User._meta.get_field("last_login")
    assert isinstance(field, models.Field)
    seen = PreparedUpdate(
        lambda: User.objects.filter(username=Given("name")), last_login=Given("at", field, or_null=True)
    )
    ana = make("ana")
    for moment in (now(), None):
        assert seen.run(name="ana", at=moment) == 1
        ana.refresh_from_db()
        assert ana.last_login == moment
    with pytest.raises(TypeError, match="name is None"):
        seen.run(name=None, at=None)


def test_prefetched_rows_are_there_without_a_query(django_assert_num_queries: Any) -> None:
    policy = Policy.objects.create(name="edge", document={})
    versions = [PolicyVersion(policy_id=policy.pk, number=number, document={}) for number in (1, 2)]
    prefetched(policy, "versions", versions)
    with django_assert_num_queries(0):
        assert list(policy.versions.all()) == versions
        assert [one.policy for one in policy.versions.all()] == [policy, policy]
