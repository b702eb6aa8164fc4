"""Whatever comes in, `validate` answers a stable document or names the mistakes; it never crashes."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.taskdef.errors import InvalidDocument
from services.taskdef.fields import structures
from services.taskdef.resources import resources
from services.taskdef.validate import registrable, validate
from tests.unit.taskdef.strategies import documents, examples

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@examples(50)
@given(documents())
def test_valid_documents_pass_and_stay_as_they_are(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    normalised = validate(document)
    assert document == before, "the input was changed"
    assert validate(normalised) == normalised
    assert json.loads(json.dumps(normalised)) == normalised


@examples(50)
@given(documents())
def test_what_ecs_answers_can_be_registered_again(document: dict[str, Any]) -> None:
    normalised = validate(document)
    described = {
        **normalised,
        "revision": 3,
        "status": "ACTIVE",
        "taskDefinitionArn": "arn:…",
        "registeredBy": "me",
    }
    assert validate(registrable(described)) == normalised


@examples(50)
@given(documents())
def test_reserved_resources_fit_the_task(document: dict[str, Any]) -> None:
    normalised = validate(document)
    reserved = resources(normalised)
    assert reserved.memory > 0 and reserved.cpu >= 0
    if "memory" in normalised:
        assert reserved.memory == int(normalised["memory"])
    assert list(reserved.fixed_ports) == sorted(set(reserved.fixed_ports))


@examples(50)
@given(JSON)
def test_any_json_is_answered(value: Any) -> None:
    try:
        validate(value)
    except InvalidDocument as error:
        assert error.problems and str(error)


def _every_place(value: Any, trail: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    places = [trail] if trail else []
    if isinstance(value, dict):
        for name, item in value.items():
            places += _every_place(item, (*trail, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            places += _every_place(item, (*trail, index))
    return places


@examples(100)
@given(documents(), JSON, st.data())
def test_any_value_in_any_place_is_answered(
    document: dict[str, Any], value: Any, data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from(_every_place(document)))
    target: Any = document
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    try:
        normalised = validate(document)
    except InvalidDocument as error:
        assert all(problem.message for problem in error.problems)
    else:
        assert validate(normalised) == normalised


@examples(60)
@given(documents(), st.data())
def test_an_unknown_field_is_refused_wherever_it_is(document: dict[str, Any], data: st.DataObject) -> None:
    objects = [trail for trail in [(), *_every_place(document)] if _is_struct(trail)]
    trail = data.draw(st.sampled_from([trail for trail in objects if isinstance(_at(document, trail), dict)]))
    _at(document, trail)["surprise"] = 1
    try:
        validate(document)
    except InvalidDocument as error:
        assert any(
            problem.path.endswith("surprise") and "unknown field" in problem.message
            for problem in error.problems
        )
    else:
        raise AssertionError(f"the unknown field at {trail} passed")


def _at(document: Any, trail: tuple[Any, ...]) -> Any:
    for step in trail:
        document = document[step]
    return document


def _is_struct(trail: tuple[Any, ...]) -> bool:
    path = ""
    for step in trail:
        path += "[]" if isinstance(step, int) else (f".{step}" if path else step)
    return path in {known for known, _ in structures()}
