"""Documents and their evaluation, against rules stated in the IAM User Guide, and against a second evaluator."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access.policy import PolicyError, evaluate, is_read, parse

WEB = "arn:aws:ecs:us-east-1:123456789012:service/default/web"
API = "arn:aws:ecs:us-east-1:123456789012:service/default/api"


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("statements", "action", "resource", "expected"),
    [
        ([], "ecs:UpdateService", WEB, "implicit-deny"),
        ([allow()], "ecs:UpdateService", WEB, "allow"),
        ([allow("*:*")], "ecs:UpdateService", WEB, "allow"),
        ([allow("ecs:UpdateService", WEB)], "ecs:UpdateService", WEB, "allow"),
        ([allow("ecs:UpdateService", WEB)], "ecs:UpdateService", API, "implicit-deny"),
        ([allow("ecs:UpdateService", WEB)], "ecs:DeleteService", WEB, "implicit-deny"),
        # Actions ignore case; resources do not.
        ([allow("ECS:updateservice")], "ecs:UpdateService", WEB, "allow"),
        ([allow("ecs:*", WEB.replace("web", "WEB"))], "ecs:UpdateService", WEB, "implicit-deny"),
        # Wildcards: any run, one character, anywhere.
        ([allow("ecs:*Service")], "ecs:UpdateService", WEB, "allow"),
        ([allow("ecs:*Service")], "ecs:UpdateServices", WEB, "implicit-deny"),
        ([allow("ecs:Update?ervice")], "ecs:UpdateService", WEB, "allow"),
        ([allow("ecs:UpdateService?")], "ecs:UpdateService", WEB, "implicit-deny"),
        ([allow("*", "arn:aws:ecs:*:*:service/*/web")], "ecs:X", WEB, "allow"),
        ([allow("*", "arn:aws:ecs:*:*:service/*/web")], "ecs:X", API, "implicit-deny"),
        ([allow("*", "arn:aws:ecs:*:*:service/default/we?")], "ecs:X", WEB, "allow"),
        ([allow("*", "arn:aws:ecs:us-east-1:123456789012:service/default/*")], "ecs:X", API, "allow"),
        # A character that means something to regular expressions means itself.
        (
            [allow("*", "arn:aws:ecs:us-east-1:123456789012:service/default/w.b")],
            "ecs:X",
            WEB,
            "implicit-deny",
        ),
        (
            [allow("*", "arn:aws:ecs:us-east-1:123456789012:service/[a-z]*/web")],
            "ecs:X",
            WEB,
            "implicit-deny",
        ),
        # Lists are OR.
        ([allow(["ecs:A", "ecs:B"], [WEB, API])], "ecs:B", API, "allow"),
        # Not...
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], "ecs:X", WEB, "allow"),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], "iam:X", WEB, "implicit-deny"),
        (
            [{"Effect": "Allow", "NotAction": ["iam:*", "ecs:*"], "Resource": "*"}],
            "ecs:X",
            WEB,
            "implicit-deny",
        ),
        ([{"Effect": "Allow", "Action": "*", "NotResource": WEB}], "ecs:X", WEB, "implicit-deny"),
        ([{"Effect": "Allow", "Action": "*", "NotResource": WEB}], "ecs:X", API, "allow"),
        ([allow(), {"Effect": "Deny", "Action": "*", "NotResource": WEB}], "ecs:X", API, "explicit-deny"),
        ([allow(), {"Effect": "Deny", "Action": "*", "NotResource": WEB}], "ecs:X", WEB, "allow"),
        # An explicit deny wins, wherever it stands.
        ([allow(), deny("ecs:DeleteService")], "ecs:DeleteService", WEB, "explicit-deny"),
        ([deny("ecs:DeleteService"), allow()], "ecs:DeleteService", WEB, "explicit-deny"),
        ([deny("ecs:DeleteService"), allow()], "ecs:UpdateService", WEB, "allow"),
        ([deny("ecs:DeleteService")], "ecs:UpdateService", WEB, "implicit-deny"),
        ([allow(), deny("*", WEB)], "ecs:UpdateService", WEB, "explicit-deny"),
        ([allow(), deny("*", WEB)], "ecs:UpdateService", API, "allow"),
        # An action without a resource needs a statement about everything.
        ([allow("ecs:ListClusters", WEB)], "ecs:ListClusters", "*", "implicit-deny"),
        ([allow("ecs:ListClusters", "*")], "ecs:ListClusters", "*", "allow"),
    ],
)
def test_rules(statements: list[dict[str, Any]], action: str, resource: str, expected: str) -> None:
    compiled = tuple(one for statement in statements for one in parse(document(statement)))
    decision = evaluate(compiled, action, resource)
    assert decision.reason == expected
    assert decision.allowed is (expected == "allow")
    assert (decision.statement is None) is (expected == "implicit-deny")


def test_a_variable_stands_for_the_callers_value() -> None:
    own = parse(document(allow("iam:ChangePassword", "arn:aws:iam::*:user/${aws:username}")))
    for name, allowed in (("ana", True), ("bob", False)):
        assert (
            evaluate(own, "iam:ChangePassword", "arn:aws:iam::1:user/ana", {"aws:username": name}).allowed
            is allowed
        )
    assert not evaluate(own, "iam:ChangePassword", "arn:aws:iam::1:user/ana").allowed


def test_a_wildcard_in_a_variables_value_is_literal() -> None:
    own = parse(document(allow("*", "arn:aws:iam::*:user/${aws:username}")))
    assert not evaluate(own, "iam:X", "arn:aws:iam::1:user/ana", {"aws:username": "*"}).allowed
    assert evaluate(own, "iam:X", "arn:aws:iam::1:user/*", {"aws:username": "*"}).allowed


def test_a_variables_default_serves_when_it_has_no_value() -> None:
    team = parse(document(allow("*", "arn:aws:ecs:*:*:cluster/${aws:PrincipalTag/team, 'common'}")))
    common, blue = "arn:aws:ecs:r:1:cluster/common", "arn:aws:ecs:r:1:cluster/blue"
    assert evaluate(team, "ecs:X", common).allowed
    assert not evaluate(team, "ecs:X", common, {"aws:PrincipalTag/team": "blue"}).allowed
    assert evaluate(team, "ecs:X", blue, {"aws:PrincipalTag/team": "blue"}).allowed


def test_old_documents_know_no_variables() -> None:
    old = parse({"Version": "2008-10-17", "Statement": allow("*", "arn:aws:iam::1:user/${aws:username}")})
    assert not evaluate(old, "iam:X", "arn:aws:iam::1:user/ana", {"aws:username": "ana"}).allowed
    assert evaluate(old, "iam:X", "arn:aws:iam::1:user/${aws:username}", {"aws:username": "ana"}).allowed


@pytest.mark.parametrize(
    ("raw", "place", "word"),
    [
        ([], "(document)", "object"),
        ({"Version": "2012-10-17"}, "Statement", "at least one"),
        ({"Version": "2020-01-01", "Statement": allow()}, "Version", "2012-10-17"),
        ({"Statement": allow(), "Extra": 1}, "Extra", "not an element"),
        (document({"Effect": "allow", "Action": "*", "Resource": "*"}), "Statement[0].Effect", "Allow"),
        (document({"Action": "*", "Resource": "*"}), "Statement[0].Effect", "Allow"),
        (document({"Effect": "Allow", "Resource": "*"}), "Statement[0]", "Action or NotAction"),
        (document({"Effect": "Allow", "Action": "*"}), "Statement[0]", "Resource or NotResource"),
        (document(allow(NotAction="*")), "Statement[0]", "not both"),
        (document(allow(), allow("UpdateService")), "Statement[1].Action", "not an action"),
        (document(allow(["ecs:A", "ecs A"])), "Statement[0].Action[1]", "not an action"),
        (document(allow([])), "Statement[0].Action", "at least one"),
        (document(allow("*", "service/web")), "Statement[0].Resource", "not a resource"),
        (document(allow("*", "arn:aws:ecs")), "Statement[0].Resource", "whole ARN"),
        (document(allow(Sid="no spaces")), "Statement[0].Sid", "letters"),
        (document(allow(Sid="A"), allow(Sid="A")), "Statement[1].Sid", "twice"),
        (document(allow(Principal="*")), "Statement[0].Principal", "leave it out"),
        (
            document(allow(Condition={"StringIs": {"a:b": "c"}})),
            "Statement[0].Condition.StringIs.a:b",
            "operator",
        ),
        (document(allow(Condition={})), "Statement[0].Condition", "object"),
        ({"Statement": ["x"]}, "Statement[0]", "object"),
    ],
)
def test_mistakes_are_named_with_their_place(raw: object, place: str, word: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(raw)
    assert [problem.place for problem in caught.value.problems] == [place]
    assert word in caught.value.problems[0].text


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        parse(document(allow("bad"), {"Effect": "Maybe", "Action": "ecs:*", "Resource": "nope"}))
    places = {problem.place for problem in caught.value.problems}
    assert places == {"Statement[0].Action", "Statement[1].Effect", "Statement[1].Resource"}


@pytest.mark.parametrize(("action", "reads"), [("ecs:DescribeServices", True), ("ecs:UpdateService", False)])
def test_reads_are_told_by_their_verb(action: str, reads: bool) -> None:
    assert is_read(action) is reads


# --- properties -----------------------------------------------------------------------------------

ACTIONS = st.sampled_from(["ecs:A", "ecs:Ab", "ecs:B", "iam:A", "logs:Get"])
ACTION_PATTERNS = st.sampled_from(
    ["*", "ecs:*", "ecs:A", "ecs:A*", "ecs:?", "iam:*", "*:*", "logs:G?t", "ECS:a"]
)
RESOURCES = st.sampled_from(["*", WEB, API, "arn:aws:ecs:r:1:cluster/c", "arn:aws:ecs:r:1:cluster/cc"])
RESOURCE_PATTERNS = st.sampled_from(
    [
        "*",
        WEB,
        API,
        "arn:aws:ecs:*",
        "arn:aws:ecs:r:1:cluster/c",
        "arn:aws:ecs:r:1:cluster/?c",
        "arn:aws:*:*:*:service/*/web",
    ]
)


@st.composite
def raw_statements(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        draw(st.sampled_from(["Action", "Action", "NotAction"])): draw(
            st.lists(ACTION_PATTERNS, min_size=1, max_size=3)
        ),
        draw(st.sampled_from(["Resource", "Resource", "NotResource"])): draw(
            st.lists(RESOURCE_PATTERNS, min_size=1, max_size=3)
        ),
    }


STATEMENTS = st.lists(raw_statements(), max_size=6)


def reference_match(pattern: str, text: str) -> bool:
    """A second, slow matcher: by the definition of a wildcard, character by character."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(reference_match(pattern[1:], text[cut:]) for cut in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and reference_match(pattern[1:], text[1:])


def reference_evaluate(raws: list[dict[str, Any]], action: str, resource: str) -> str:
    def applies(raw: dict[str, Any]) -> bool:
        if "Action" in raw:
            by_action = any(reference_match(p.lower(), action.lower()) for p in raw["Action"])
        else:
            by_action = not any(reference_match(p.lower(), action.lower()) for p in raw["NotAction"])
        if "Resource" in raw:
            by_resource = any(reference_match(p, resource) for p in raw["Resource"])
        else:
            by_resource = not any(reference_match(p, resource) for p in raw["NotResource"])
        return by_action and by_resource

    effects = {raw["Effect"] for raw in raws if applies(raw)}
    return "explicit-deny" if "Deny" in effects else "allow" if "Allow" in effects else "implicit-deny"


def decide(raws: list[dict[str, Any]], action: str, resource: str) -> str:
    return evaluate(parse(document(*raws)) if raws else (), action, resource).reason


@settings(max_examples=400, deadline=None)
@given(STATEMENTS, ACTIONS, RESOURCES)
def test_a_second_evaluator_agrees(raws: list[dict[str, Any]], action: str, resource: str) -> None:
    assert decide(raws, action, resource) == reference_evaluate(raws, action, resource)


@given(STATEMENTS, ACTIONS, RESOURCES, st.randoms())
def test_order_never_matters(raws: list[dict[str, Any]], action: str, resource: str, random: Any) -> None:
    before = decide(raws, action, resource)
    random.shuffle(raws)
    assert decide(raws, action, resource) == before


@given(STATEMENTS, ACTIONS, RESOURCES, st.integers(0, 6))
def test_deny_always_wins(raws: list[dict[str, Any]], action: str, resource: str, at: int) -> None:
    raws.insert(at, deny())
    assert decide(raws, action, resource) == "explicit-deny"


@given(STATEMENTS, raw_statements(), ACTIONS, RESOURCES)
def test_adding_a_deny_never_grants(
    raws: list[dict[str, Any]], added: dict[str, Any], action: str, resource: str
) -> None:
    added["Effect"] = "Deny"
    if decide([*raws, added], action, resource) == "allow":
        assert decide(raws, action, resource) == "allow"


@given(STATEMENTS, raw_statements(), ACTIONS, RESOURCES)
def test_adding_an_allow_never_takes_away(
    raws: list[dict[str, Any]], added: dict[str, Any], action: str, resource: str
) -> None:
    added["Effect"] = "Allow"
    if decide(raws, action, resource) == "allow":
        assert decide([*raws, added], action, resource) == "allow"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Version",
                    "Statement",
                    "Effect",
                    "Action",
                    "Resource",
                    "Condition",
                    "StringEquals",
                    "Null",
                    "Bool",
                    "a:b",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_any_json_is_parsed_or_refused_with_places(raw: object) -> None:
    try:
        statements = parse(raw)
    except PolicyError as error:
        assert error.problems
        assert all(problem.place and problem.message for problem in error.problems)
    else:
        assert statements


@settings(max_examples=200, deadline=None)
@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_patterns_mean_what_their_definition_says(pattern: str, text: str) -> None:
    raw = allow("*", f"arn:aws:x:r:1:{pattern}")
    assert evaluate(parse(document(raw)), "x:Y", f"arn:aws:x:r:1:{text}").allowed is reference_match(
        pattern, text
    )
