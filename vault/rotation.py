"""Renewing everything that is encrypted under the installation's first key, a batch at a time.

Resumable: what is done is told by the rows themselves (`key_id`, and whether a token opens under the first key), so an
interrupted run is finished by the next. Readers need no pause: old keys stay readable until nothing needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.db import models, transaction

from base import cipher
from vault.models import ParameterVersion, SecretVersion

BATCH = 200
Progress = Callable[[str, int], None]


def renew_all(told: Progress) -> int:
    """Renew every value; answers how many were. `told(what, how many so far)`. Raises CipherError at one that none of
    the keys opens; all the others before it are done."""
    first = cipher.key_id(cipher.keys()[0])
    count = 0
    for model in (SecretVersion, ParameterVersion):
        for done in _rewrapped(model, first):
            count += done
            told(str(model._meta.verbose_name_plural), count)
    for label, field in cipher.encrypted_columns():
        for done in _renewed(apps.get_model(label), field):
            count += done
            told(f"{label}.{field}", count)
    return count


def needing_old_keys() -> int:
    """How many values need a key other than the first."""
    first = cipher.key_id(cipher.keys()[0])
    vault = sum(
        model._default_manager.exclude(key_id=first).count() for model in (SecretVersion, ParameterVersion)
    )
    columns = sum(
        1
        for label, field in cipher.encrypted_columns()
        for _, token in _tokens(apps.get_model(label), field)
        if cipher.renewed(token) != token
    )
    return vault + columns


def _rewrapped(model: type[models.Model], first: str) -> Iterator[int]:
    """Each batch in a transaction of its own; a row that somebody deletes meanwhile is not missed."""
    owner = "secret" if model is SecretVersion else "parameter"
    while True:
        rows = list(model._default_manager.exclude(key_id=first).select_related(owner).order_by("pk")[:BATCH])
        if not rows:
            return
        with transaction.atomic():
            for row in rows:
                known: Any = row
                sealed = cipher.rewrapped(known.sealed, known.about)
                # Only where it is still what was read: a sealed value never changes, but rows come and go.
                model._default_manager.filter(pk=row.pk, sealed=known.sealed).update(
                    sealed=sealed, key_id=first
                )
        yield len(rows)


def _renewed(model: type[models.Model], field: str) -> Iterator[int]:
    for pk, token in _tokens(model, field):
        new = cipher.renewed(token)
        if new != token:
            yield model._base_manager.filter(pk=pk, **{field: token}).update(**{field: new})


def _tokens(model: type[models.Model], field: str) -> Iterator[tuple[Any, str]]:
    rows = model._base_manager.exclude(**{field: ""}).exclude(**{field: None}).order_by("pk")
    return iter(list(rows.values_list("pk", field)))
