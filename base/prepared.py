"""Queries written once and run again with other values.

Django's ORM takes several times as long to write a statement as the database takes to answer it, so what every call of
a busy face asks is prepared: built as a queryset like any other, compiled on first use in each process, and run with
other values from then on. Each run asks the database; nothing is remembered of rows but, by `PreparedEach`, what was
made of them.

    _BY_KEY = Prepared(lambda: AccessKey.objects.filter(key_id=Given("key_id"), active=True)[:1])
    key = _BY_KEY.first(key_id="AKIA...")
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from django.db import DatabaseError, connections, models, router
from django.db.models import Field, QuerySet
from django.db.models.base import ModelState
from django.db.models.expressions import Expression
from django.db.models.query import ModelIterable, get_related_populators
from django.db.models.sql import UpdateQuery
from django.db.transaction import TransactionManagementError

Row = TypeVar("Row")


class Given(Expression):
    """Stands in a prepared queryset for the value that each run gives by this name. `field`: what it is written as;
    needed for times, documents and sums, not for texts and numbers. Never None: `= NULL` is true of no row. Except
    where `or_null`, for what an UPDATE sets."""

    def __init__(self, name: str, field: Field[Any, Any] | None = None, *, or_null: bool = False) -> None:
        super().__init__(output_field=field)
        self.name, self.written_as, self.or_null = name, field, or_null

    def as_sql(self, compiler: Any, connection: Any) -> Any:  # statement and parameters
        return "%s", [self]

    def written(self, values: Mapping[str, Any], connection: Any) -> Any:
        value = values[self.name]
        if value is None:
            if self.or_null:
                return None
            raise TypeError(f"{self.name} is None, which no prepared query takes")
        return value if self.written_as is None else self.written_as.get_db_prep_value(value, connection)


class Prepared(Generic[Row]):
    """`build` gives the queryset, with `Given` where values come later; one of models, of values or a union. Its rows
    are as the queryset's own would be. `build` is called once in each process, whatever thread asks first."""

    def __init__(self, build: Callable[[], QuerySet[Any, Row]]) -> None:
        self.build = build
        self._statement: _Statement | None = None

    def all(self, **values: Any) -> list[Row]:
        return self._compiled().run(values)

    def first(self, **values: Any) -> Row | None:
        """The first of what the queryset, best of one row, answers."""
        found = self.all(**values)
        return found[0] if found else None

    def one(self, **values: Any) -> Row:
        """As `get` of a queryset by its primary key; raises the model's DoesNotExist."""
        found = self.all(**values)
        if not found:
            model: Any = self._compiled().queryset.model
            raise model.DoesNotExist(f"{model.__name__} matching query does not exist: {values}")
        return found[0]

    def _compiled(self) -> _Statement:
        if self._statement is None:  # two threads at once write the same
            self._statement = _Statement(self.build())
        return self._statement


class PreparedEach(Generic[Row]):
    """Of rows of values or of models, what `make` makes of each. Rows that say the same, at this run or a later one,
    get the same object, made once: hundreds of rows are read again and again, and all but one say what they said. So
    what is made has to be immutable, or left as it is by all. `kept`: how many are remembered."""

    def __init__(
        self, build: Callable[[], QuerySet[Any, Any]], make: Callable[[Any], Row], *, kept: int = 4096
    ) -> None:
        self._rows = Prepared(build)
        self._make, self._kept = make, kept
        self._made: dict[Any, Row] = {}

    def all(self, **values: Any) -> list[Row]:
        statement = self._rows._compiled()
        rows, made = statement.fetch(values), self._made
        found = [made.get(row) for row in rows]
        unknown = [row for row, one in zip(rows, found, strict=True) if one is None]
        if not unknown:
            return cast("list[Row]", found)
        if len(made) + len(unknown) > self._kept:
            made = self._made = {}  # another thread may still read the old one
            unknown = list(rows)
        made.update(zip(unknown, map(self._make, statement.make(unknown)), strict=True))
        return [made[row] for row in rows]

    def first(self, **values: Any) -> Row | None:
        found = self.all(**values)
        return found[0] if found else None


class _Statement:
    """A queryset's statement, and what becomes of its rows. Shared by threads: nothing here belongs to a connection
    that is in use, and what is of one run alone is kept by thread."""

    def __init__(self, given: QuerySet[Any, Any]) -> None:
        queryset = given.all()  # of its own, as below its query is changed
        self.queryset, self.alias = queryset, queryset.db
        self.locks = queryset.query.select_for_update
        with _apart(self.alias) as connection:
            compiler = self.compiler = queryset.query.get_compiler(connection=connection)
            self.sql, self.parameters = compiler.as_sql()
            columns: Any = compiler.select[0 : compiler.col_count]
            self.converters = compiler.get_converters([column[0] for column in columns])
        compiler.apply_converters = _converting(self.converters, connection)
        models_wanted = issubclass(queryset._iterable_class, ModelIterable)
        self.make = _maker(compiler, self.converters, self.alias) if models_wanted else self._values
        # For Django's iterables of values, which ask the compiler: statement and rows are there already.
        self._run = threading.local()
        compiler.execute_sql = lambda *args, **options: [self._run.rows]
        compiler.get_converters = lambda columns: self.converters
        queryset.query.get_compiler = lambda *args, **options: compiler  # type: ignore[method-assign]

    def run(self, values: Mapping[str, Any]) -> list[Any]:
        return self.make(self.fetch(values))

    def fetch(self, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows as the driver gives them."""
        connection = connections[self.alias]
        if self.locks and connection.features.has_select_for_update and connection.get_autocommit():
            raise TransactionManagementError("select_for_update cannot be used outside of a transaction.")
        rows = _fetched(connection, self.sql, bound(self.parameters, values, connection))
        if self.compiler.has_extra_select:  # columns to order by alone
            rows = [row[: self.compiler.col_count] for row in rows]
        return rows

    def _values(self, rows: Any) -> list[Any]:
        self._run.rows = rows
        found: Any = self.queryset._iterable_class(self.queryset)
        return list(found)


def _converting(converters: Mapping[int, Any], connection: Any) -> Callable[..., Iterator[list[Any]]]:
    """As a compiler's own `apply_converters`, but for NULL, which every converter leaves as it is."""
    steps = [
        (position, convert, expression)
        for position, (several, expression) in converters.items()
        for convert in several
    ]

    def apply(rows: Any, converters: Any) -> Iterator[list[Any]]:
        for row in map(list, rows):
            for position, convert, expression in steps:
                if row[position] is not None:
                    row[position] = convert(row[position], expression, connection)
            yield row

    return apply


@contextlib.contextmanager
def _apart(alias: str) -> Iterator[Any]:
    """A connection to write a statement by, which outlives the thread that does: of what is a thread's own, nothing
    may be kept. Only where the statement depends on the server's version is it opened."""
    connection: Any = connections.create_connection(alias)
    # Whether there is a transaction, for SELECT ... FOR UPDATE, is asked where it runs.
    connection.get_autocommit = lambda: False
    try:
        yield connection
    finally:
        connection.close()


def _fetched(connection: Any, sql: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
    """What a statement answers."""
    rows, _ = _ran(connection, sql, parameters, rows=True)
    return rows


def _ran(
    connection: Any, sql: str, parameters: Sequence[Any], *, rows: bool
) -> tuple[Sequence[Sequence[Any]], int]:
    """What a statement answers, where `rows` are wanted, and how many it wrote. To SQLite by the driver alone, where
    nobody counts or wraps statements: Django's cursors take as long as a short statement itself."""
    plain = connection.execute_wrappers or connection.force_debug_cursor or connection.needs_rollback
    if plain or connection.vendor != "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if rows else (), cursor.rowcount
    connection.ensure_connection()
    with connection.wrap_database_errors:
        done = connection.connection.execute(_of_driver(sql), parameters)
        return done.fetchall() if rows else (), done.rowcount


@lru_cache(maxsize=512)
def _of_driver(sql: str) -> str:
    """With SQLite's own marks for parameters."""
    return sql.replace("%%", "\0").replace("%s", "?").replace("\0", "%")


def _maker(compiler: Any, converters: Any, alias: str) -> Callable[[Any], list[Any]]:
    """From rows to models, as ModelIterable does it, which finds out all this anew each time."""
    select, known, annotations = compiler.select, compiler.klass_info, compiler.annotation_col_map or {}
    model, start, end = known["model"], known["select_fields"][0], known["select_fields"][-1] + 1
    names = [column[0].target.attname for column in select[start:end]]
    populators: Any = get_related_populators
    joined = _quick(populators(known, select, alias))
    from_db = _Quick(model).from_db

    def make(rows: Any) -> list[Any]:
        found = []
        for row in compiler.apply_converters(rows, converters) if converters else rows:
            one = from_db(alias, names, row[start:end])
            for populator in joined:
                populator.populate(row, one)
            for name, column in annotations.items():
                setattr(one, name, row[column])
            found.append(one)
        return found

    return make


class _Quick:
    """In the place of a model class, where its rows are made: as `Model.from_db`, but for the signals, which nothing of
    ours listens to, and for looking at each field, which takes most of its time."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model

    def from_db(self, alias: str, names: Sequence[str], values: Sequence[Any]) -> models.Model:
        one = self.model.__new__(self.model)
        one._state = ModelState()
        one._state.adding, one._state.db = False, alias
        # What is not among them is deferred, as of `only`.
        one.__dict__.update(zip(names, values, strict=True))
        return one


def _quick(populators: list[Any]) -> list[Any]:
    for one in populators:
        one.model_cls = _Quick(one.model_cls)
        _quick(one.related_populators)
    return populators


def lasting(queryset: QuerySet[Any, Row]) -> QuerySet[Any, Row]:
    """The queryset, to be kept and handed out by `copy_of`: what is asked of its copies is prepared. See `asked`."""
    queryset._statements = {}  # type: ignore[attr-defined]
    return queryset


def copy_of(queryset: QuerySet[Any, Row]) -> QuerySet[Any, Row]:
    """A queryset of the caller's own, which shares the statements. Once filtered further it is like any other."""
    copy = queryset.all()
    copy._statements = queryset._statements  # type: ignore[attr-defined]
    return copy


def asked(
    queryset: QuerySet[Any, Any], how: Any, shape: Callable[[QuerySet[Any, Any]], QuerySet[Any, Any]]
) -> list[Any]:
    """The rows of `shape(queryset)`. Of a copy of a lasting queryset the statement is written once for each `how`,
    which has to tell everything that `shape` depends on."""
    statements: dict[Any, Prepared[Any]] | None = getattr(queryset, "_statements", None)
    if statements is None:
        return list(shape(queryset))
    if how not in statements:
        statements[how] = Prepared(lambda: shape(queryset))
    return statements[how].all()


def prefetched(row: models.Model, name: str, rows: Sequence[models.Model]) -> None:
    """Leave the rows of a reverse foreign key as prefetch_related does."""
    manager = getattr(row, name)
    found = manager.all()
    found._result_cache = list(rows)
    for one in rows:
        setattr(one, manager.field.name, row)
    row._prefetched_objects_cache = {**getattr(row, "_prefetched_objects_cache", {}), name: found}  # type: ignore[attr-defined]


class PreparedUpdate:
    """An UPDATE, likewise: of the rows that `build` gives, `fields` to constants, expressions or `Given`."""

    def __init__(self, build: Callable[[], QuerySet[Any, Any]], **fields: Any) -> None:
        self.build, self.fields = build, fields
        self._statement: tuple[str, str, Sequence[Any]] | None = None

    def run(self, **values: Any) -> int:
        """How many rows there were."""
        alias, sql, parameters = self._compiled()
        connection = connections[alias]
        _, count = _ran(connection, sql, bound(parameters, values, connection), rows=False)
        return count

    def _compiled(self) -> tuple[str, str, Sequence[Any]]:
        if self._statement is None:
            queryset = self.build().order_by()
            alias = router.db_for_write(queryset.model)
            query: Any = queryset.query.chain(UpdateQuery)
            query.add_update_values(self.fields)
            with _apart(alias) as connection:
                self._statement = alias, *query.get_compiler(connection=connection).as_sql()
        return self._statement


def bound(parameters: Sequence[Any], values: Mapping[str, Any], connection: Any) -> tuple[Any, ...]:
    """A compiled statement's parameters, with values in the places of `Given`."""
    return tuple(one.written(values, connection) if isinstance(one, Given) else one for one in parameters)


def insert(row: models.Model) -> None:
    """What `row.save(force_insert=True)` writes, by a statement written once. Signals are not sent: nothing of ours
    listens."""
    alias = router.db_for_write(type(row))
    connection = connections[alias]
    statement, fields = _insertion(type(row), connection.vendor, row.pk is not None)
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
    made, _ = _ran(connection, statement, values, rows=row.pk is None)
    if made:
        row.pk = made[0][0]
    row._state.adding, row._state.db = False, alias


def update(row: models.Model, *names: str) -> None:
    """What `row.save(update_fields=names)` writes, likewise."""
    connection = connections[router.db_for_write(type(row))]
    statement, fields = _updating(type(row), connection.vendor, names)
    values = [field.get_db_prep_save(field.pre_save(row, False), connection) for field in fields]
    _, count = _ran(
        connection, statement, [*values, row._meta.pk.get_db_prep_save(row.pk, connection)], rows=False
    )
    if count != 1:
        raise DatabaseError(f"{row!r} is not there any more: {', '.join(names)} not written.")


@lru_cache(maxsize=64)
def _updating(
    model: type[models.Model], vendor: str, names: tuple[str, ...]
) -> tuple[str, tuple[Field[Any, Any], ...]]:
    quoted = connections[router.db_for_write(model)].ops.quote_name
    meta = model._meta
    fields = tuple(cast("Field[Any, Any]", meta.get_field(name)) for name in names)
    sets = ", ".join(f"{quoted(field.column or '')} = %s" for field in fields)
    pk = quoted(meta.pk.column or "")
    # Names of our own models' tables and columns; every value is a parameter. As below.
    return f"UPDATE {quoted(meta.db_table)} SET {sets} WHERE {pk} = %s", fields  # noqa: S608


@lru_cache(maxsize=64)
def _insertion(
    model: type[models.Model], vendor: str, with_pk: bool
) -> tuple[str, tuple[Field[Any, Any], ...]]:
    quoted = connections[router.db_for_write(model)].ops.quote_name
    meta = model._meta
    fields = tuple(field for field in meta.concrete_fields if with_pk or not field.primary_key)
    columns = ", ".join(quoted(field.column or "") for field in fields)
    pk = quoted(meta.pk.column or "")
    returning = "" if with_pk else f" RETURNING {pk}"
    marks = ", ".join(["%s"] * len(fields))
    return f"INSERT INTO {quoted(meta.db_table)} ({columns}) VALUES ({marks}){returning}", fields  # noqa: S608
