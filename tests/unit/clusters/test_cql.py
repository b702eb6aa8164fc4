"""The cluster query language: AWS's own examples, every operator against a second opinion, and where errors are."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusters.cql import OPERATORS, QueryError, compile_query


@dataclass
class Host:
    attributes: dict[str, str] = field(default_factory=dict)
    connected: bool = True
    agent_version: str = "24.0.7"
    ec2_instance_id: str = "i-abcd1234"
    registered_at: datetime | None = datetime(2018, 6, 18, 22, 28, 28, tzinfo=UTC)
    running_tasks: int = 2
    groups: tuple[str, ...] = ("service:production", "family:database")


GPU = Host(
    {"ecs.instance-type": "g2.large", "ecs.availability-zone": "us-east-1a", "rack": "7", "stack": "prod"}
)
NEW = Host({}, connected=False, agent_version="", registered_at=None, running_tasks=0, groups=())

HOLDS = [
    # AWS's examples
    ("attribute:ecs.instance-type == t2.small", False, False),
    ("attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", True, False),
    ("attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d", True, False),
    ("task:group == service:production", True, False),
    ("not(task:group == database)", True, True),
    ("not(task:group == family:database)", False, True),
    ("runningTasksCount == 1", False, False),
    ("agentVersion < 1.14.5", False, False),
    ("registeredAt < 2018-02-13", False, False),
    ("ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']", True, True),
    ("attribute:stack exists", True, False),
    ("attribute:stack !exists", False, True),
    # words for signs, and either case of and, or, not
    ("attribute:stack equals prod", True, False),
    ("attribute:stack not_equals prod", False, True),
    ("attribute:rack greater_than 6 AND attribute:rack less_than_equal 7", True, False),
    ("attribute:rack greater_than_equal 8 OR attribute:rack less_than 7", False, False),
    ("attribute:stack not_in [prod, test] || attribute:stack matches p.*", True, True),
    ("attribute:stack not_matches 'p.*' && attribute:stack not_exists", False, True),
    # numbers as numbers, texts as texts
    ("attribute:rack < 10", True, False),
    ("attribute:stack < q", True, False),
    ("attribute:rack > nan", False, False),
    ("agentVersion >= 24.0", True, False),
    ("agentVersion == 24.0.7.0", True, False),
    ("agentVersion != 24.0.7", False, True),
    ("agentVersion > 3.9", True, False),
    ("registeredAt == 2018-06-18T22:28:28Z", True, False),
    ("registeredAt == 2018-06-18T22:28:28+00:00", True, False),
    ("registeredAt == 2018-06-18T22:28:28", True, False),
    ("registeredAt > 2018-06-18", True, False),
    ("agentConnected == true", True, False),
    ("agentConnected in [false]", False, True),
    ("agentConnected =~ tr.e", True, False),
    ("task:group =~ service:.*", True, False),
    ("task:group exists", True, False),
    # precedence: not before and before or
    ("attribute:stack exists or attribute:a exists and attribute:b exists", True, False),
    ("(attribute:stack exists or attribute:a exists) and attribute:b exists", False, False),
    ("not attribute:stack exists or attribute:rack == 7", True, True),
    ("!(attribute:stack exists or attribute:rack == 7)", False, True),
    ("!attribute:stack exists", False, True),
    # spaces where one likes, quotes where one must
    ("attribute:stack==prod&&attribute:rack in[7]", True, False),
    ("  attribute:stack  ==\n 'prod' ", True, False),
    ('attribute:stack =~ "(prod|test)"', True, False),
    ("attribute:ecs.instance-type =~ [gp][23]\\..*", True, False),
    ("attribute:ecs.instance-type =~ g2", False, False),  # the whole text, as Java's matches
]  # fmt: skip


@pytest.mark.parametrize(("text", "of_gpu", "of_new"), HOLDS)
def test_which_instances_are_meant(text: str, of_gpu: bool, of_new: bool) -> None:
    query = compile_query(text)
    assert (query.matches(GPU), query.matches(NEW)) == (of_gpu, of_new)
    assert compile_query(text) == query


WRONG = [
    ("", 1, "expected a subject"),
    ("attribute:a", 12, "expected an operator after attribute:a, found the end"),
    ("attribute:a noexists", 13, "found 'noexists'"),
    ("attribute: == x", 1, "followed by the attribute's name"),
    ("colour == red", 1, "colour is not a subject; there are agentConnected"),
    ("attribute:a == b and colour == red", 22, "colour is not a subject"),
    ("agentVersion in [1]", 14, "agentVersion cannot be asked with in; it takes ==, !=, >"),
    ("runningTasksCount exists", 19, "cannot be asked with exists"),
    ("attribute:a in x", 16, "followed by a list"),
    ("attribute:a in [x", 18, "expected ',' or ']'"),
    ("attribute:a in []", 17, "expected a value"),
    ("(attribute:a == b", 18, "for the '(' at character 1"),
    ("attribute:a == b)", 17, "there is no '('"),
    ("attribute:a == 'b", 16, "no closing '"),
    ("attribute:a == ", 16, "expected a value"),
    ("attribute:a == b c", 18, "expected 'and', 'or' or the end before 'c'"),
    ("attribute:a =~ 'x(b'", 18, "is no regular expression"),
    ("attribute:a =~ x**", 18, "a quantifier after a quantifier"),
    ("runningTasksCount == x", 22, "a whole number, not 'x'"),
    ("registeredAt > yesterday", 16, "a date like 2018-06-18"),
    ("agentVersion > new", 16, "a version like 1.14.5"),
    ("agentConnected == maybe", 19, "true or false"),
    ("not " * 60 + "attribute:a exists", 201, "more than 50"),
    ("attribute:" + "a" * 2000 + " exists", 2001, "2000 at most"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "position", "says"), WRONG)
def test_an_error_names_its_place(text: str, position: int, says: str) -> None:
    with pytest.raises(QueryError, match=re.escape(says)) as caught:
        compile_query(text)
    assert caught.value.position == position
    assert str(caught.value).startswith(f"at character {position}: ")


@settings(max_examples=150)
@given(st.text("atribue:_gropsk.=!<>~in[],()&|'\" n0o", max_size=30) | st.text(max_size=20))
def test_any_text_is_a_query_or_is_refused_at_a_place(text: str) -> None:
    try:
        query = compile_query(text)
    except QueryError as error:
        assert 1 <= error.position <= len(text) + 1
    else:
        assert query.matches(GPU) in (True, False)


# ---- a second opinion --------------------------------------------------------------------------

Judge = Callable[[Host], bool]
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
MOMENT = datetime(2020, 1, 1, tzinfo=UTC)
hosts = st.builds(
    Host,
    st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y", "10", "9"])),
    st.booleans(),
    st.sampled_from(["", "1.2", "1.10.3"]),
    st.sampled_from(["i-1", "i-2"]),
    st.one_of(st.none(), st.integers(0, 3).map(lambda days: MOMENT + timedelta(days=days))),
    st.integers(0, 3),
    st.lists(st.sampled_from(["service:x", "y"]), max_size=2).map(tuple),
)


def _texts(subject: str, host: Host) -> list[str]:
    if subject.startswith("attribute:"):
        value = host.attributes.get(subject[10:])
        return [] if value is None else [value]
    return list(host.groups) if subject == "task:group" else [host.ec2_instance_id]


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[str, Judge]:
    subject = draw(st.sampled_from(["attribute:a", "attribute:b", "task:group", "ec2InstanceId"]))
    value = draw(st.sampled_from(["x", "y", "service:x", "i-1", "10"]))
    other = draw(st.sampled_from(["x", "y", "'i-1'"]))
    pair = (value, other.strip("'"))
    sign = draw(
        st.sampled_from(
            ["==", "!=", "in", "!in", "not_in", "=~", "!~"]
            + ["exists", "!exists"] * (subject != "ec2InstanceId")
        )
    )
    found: dict[str, tuple[str, Judge]] = {
        "==": (value, lambda host: value in _texts(subject, host)),
        "in": (f"[{value},{other}]", lambda host: any(text in pair for text in _texts(subject, host))),
        "=~": (
            f"{value[0]}.*",
            lambda host: any(text.startswith(value[0]) for text in _texts(subject, host)),
        ),
        "exists": ("", lambda host: bool(_texts(subject, host))),
    }
    positive = {"!=": "==", "!in": "in", "not_in": "in", "!~": "=~", "!exists": "exists"}.get(sign)
    argument, judge = found[positive or sign]
    return f"{subject} {sign} {argument}", (lambda host: not judge(host)) if positive else judge


@st.composite
def orders(draw: st.DrawFn) -> tuple[str, Judge]:
    sign = draw(st.sampled_from(list(ORDER)))
    if draw(st.booleans()):
        count = draw(st.integers(0, 3))
        return f"runningTasksCount {sign} {count}", lambda host: ORDER[sign](host.running_tasks, count)
    days = draw(st.integers(0, 3))
    moment = MOMENT + timedelta(days=days)
    return (
        f"registeredAt {sign} {moment.date()}",
        lambda host: host.registered_at is not None and ORDER[sign](host.registered_at, moment),
    )


@st.composite
def queries(draw: st.DrawFn, depth: int = 3) -> tuple[str, Judge]:
    kind = draw(st.sampled_from(["one", "and", "or", "not"])) if depth else "one"
    if kind == "one":
        return draw(comparisons() | orders())
    left, judge = draw(queries(depth - 1))
    if kind == "not":
        return f"{draw(st.sampled_from(['!', 'not ']))}({left})", lambda host: not judge(host)
    right, second = draw(queries(depth - 1))
    word = draw(st.sampled_from({"and": ["and", "&&"], "or": ["or", "||"]}[kind]))
    both: Judge = (
        (lambda host: judge(host) and second(host))
        if kind == "and"
        else (lambda host: judge(host) or second(host))
    )
    return f"({left}) {word} ({right})", both


@settings(max_examples=120, deadline=None)
@given(queries(), hosts)
def test_a_query_means_what_its_parts_mean(query: tuple[str, Judge], host: Host) -> None:
    text, judge = query
    assert compile_query(text).matches(host) == judge(host), text


@pytest.mark.parametrize("subject", [name for name in OPERATORS if name != "attribute:NAME"])
def test_every_subject_can_be_asked(subject: str) -> None:
    value = {"agentConnected": "true", "registeredAt": "2020-01-01"}.get(subject, "1")
    assert compile_query(f"{subject} == {value}").matches(GPU) != compile_query(
        f"{subject} != {value}"
    ).matches(GPU)


def test_a_query_says_what_it_asks() -> None:
    assert compile_query("not (attribute:a exists or task:group == x)").asks_groups
    assert not compile_query("runningTasksCount < 3").asks_groups
    assert compile_query("agentVersion >= 20.10 and attribute:a exists").asks_more
    assert compile_query("registeredAt > 2020-01-01").asks_more
    assert not compile_query("attribute:agentVersion exists").asks_more
    assert compile_query("runningTasksCount < 3").asks_tasks
    assert not compile_query("attribute:a == b and agentConnected == true").asks_tasks
