"""Our evaluator against the reference on random policies; and what must hold of any policies at all."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.policy import (
    PolicyError,
    Principal,
    Statement,
    compile_identity,
    evaluate,
    load,
    parse,
    parse_text,
)
from tests.unit.access import reference
from tests.unit.access.random_policies import PRINCIPALS, documents, requests, statements

Raw = dict[str, Any]
DOCUMENTS = st.lists(documents(), max_size=4)
EXAMPLES = int(os.environ.get("POLICY_EXAMPLES", "80"))
"""Of each comparison; raise it to look longer: POLICY_EXAMPLES=20000."""
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def compiled(raws: list[Raw]) -> tuple[Statement, ...]:
    return tuple(one for raw in raws for one in parse(raw))


def reason(raws: list[Raw], request: tuple[str, str, Raw], **more: Any) -> str:
    """By the index, which callers use; and by plain trial, which must say the same."""
    found = compiled(raws)
    indexed = evaluate(compile_identity(found), *request, **more).reason
    assert evaluate(found, *request, **more).reason == indexed
    return indexed


@many
@given(DOCUMENTS, requests)
def test_the_reference_agrees(raws: list[Raw], request: tuple[str, str, Raw]) -> None:
    assert reason(raws, request) == reference.decide(raws, *request)


@many
@given(
    DOCUMENTS, st.lists(DOCUMENTS, max_size=2), st.none() | st.lists(documents(True), max_size=2), requests
)
@pytest.mark.parametrize("who", PRINCIPALS, ids=["user", "session"])
def test_the_reference_agrees_with_guards_and_a_resource_policy(
    who: dict[str, str],
    raws: list[Raw],
    guards: list[list[Raw]],
    there: list[Raw] | None,
    request: tuple[str, str, Raw],
) -> None:
    resource_policy = None if there is None else [one for raw in there for one in parse(raw, "", "resource")]
    ours = reason(
        raws,
        request,
        guards=[compile_identity(compiled(guard)) for guard in guards],
        resource_policy=resource_policy,
        principal=Principal(**who),
    )
    assert ours == reference.decide(raws, *request, guards, there, who)


@few
@given(st.lists(documents(), min_size=8, max_size=14), requests)
def test_the_reference_agrees_on_many_policies(raws: list[Raw], request: tuple[str, str, Raw]) -> None:
    assert reason(raws, request) == reference.decide(raws, *request)


@few
@given(DOCUMENTS, requests, st.integers(0))
def test_order_never_matters(raws: list[Raw], request: tuple[str, str, Raw], seed: int) -> None:
    before = reason(raws, request)
    random.Random(seed).shuffle(raws)
    for raw in raws:
        random.Random(seed).shuffle(raw["Statement"])
    assert reason(raws, request) == before


@few
@given(DOCUMENTS, requests, st.integers(0, 4))
def test_deny_always_wins(raws: list[Raw], request: tuple[str, str, Raw], at: int) -> None:
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
    assert reason([*raws[:at], everything, *raws[at:]], request) == "explicit-deny"
    assert reason(raws, request, guards=[compiled([everything])]) == "explicit-deny"


@few
@given(DOCUMENTS, statements(), requests)
def test_adding_a_deny_never_grants(raws: list[Raw], added: Raw, request: tuple[str, str, Raw]) -> None:
    more = [*raws, {"Version": "2012-10-17", "Statement": {**added, "Effect": "Deny"}}]
    if reason(more, request) == "allow":
        assert reason(raws, request) == "allow"


@few
@given(DOCUMENTS, statements(), requests)
def test_adding_an_allow_never_takes_away(raws: list[Raw], added: Raw, request: tuple[str, str, Raw]) -> None:
    more = [*raws, {"Version": "2012-10-17", "Statement": {**added, "Effect": "Allow"}}]
    before, after = reason(raws, request), reason(more, request)
    assert after == before or (before, after) == ("implicit-deny", "allow")


@few
@given(DOCUMENTS, st.lists(DOCUMENTS, max_size=2), requests)
def test_guards_only_narrow(raws: list[Raw], guards: list[list[Raw]], request: tuple[str, str, Raw]) -> None:
    if reason(raws, request, guards=[compiled(guard) for guard in guards]) == "allow":
        assert reason(raws, request) == "allow"
        assert all(reason(guard, request) == "allow" for guard in guards)


_WORDS = [
    "Version",
    "Statement",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "Condition",
    "Principal",
    "AWS",
]
_WORDS += [
    "StringEquals",
    "ArnLike",
    "NumericEquals",
    "DateEquals",
    "IpAddress",
    "Null",
    "Bool",
    "a:b",
    "Sid",
]
_LEAVES = [
    "Allow",
    "Deny",
    "*",
    "ecs:*",
    "2012-10-17",
    "arn:aws:ecs:*:*:*",
    "${",
    "${}",
    "${a:b",
    "10.0.0.0/8",
    "\0",
]
_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(_LEAVES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=4),
    max_leaves=14,
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A valid document with one place replaced by anything."""
    raw = draw(documents(draw(st.booleans())))
    at: Any = raw
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = draw(st.sampled_from(keys))
        if not isinstance(at[key], dict | list) or not at[key] or draw(st.booleans()):
            at[key] = draw(_ANY_JSON)
            return raw
        at = at[key]


@many
@given(_ANY_JSON | damaged(), st.sampled_from(["identity", "resource", "trust"]), requests)
def test_the_parser_raises_policy_errors_only(raw: Any, kind: Any, request: tuple[str, str, Raw]) -> None:
    try:
        found = parse(raw, "x", kind)
    except PolicyError as error:
        assert error.problems
        assert all(problem.place and problem.message for problem in error.problems)
        return
    evaluate(found, *request)
    evaluate((), *request, resource_policy=found, principal=Principal(**PRINCIPALS[0]))


@many
@given(
    st.text(max_size=40)
    | documents().map(json.dumps)
    | st.binary(max_size=30).map(lambda b: b.decode("latin-1"))
)
def test_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse_text(text)
    except PolicyError as error:
        assert error.problems


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 5000,
        '{"Version": "2012-10-17", "Version": "2008-10-17"}',
        '{"Statement": NaN}',
        "\ufeff{}",
        "",
    ],
)
def test_hostile_text_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        load(text)
