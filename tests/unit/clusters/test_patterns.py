"""Regular expressions in linear time: the same texts match as in Python, and no pattern keeps anybody busy."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusters.patterns import PatternError, compile_pattern

atoms = st.sampled_from(
    [
        "a",
        "b",
        "c",
        ".",
        r"\d",
        r"\w",
        r"\S",
        "[ab]",
        "[^ab]",
        "[a-c]",
        r"[\d-]",
        "(?:ab)",
        r"\.",
        "^",
        "$",
        "-",
    ]
)


@st.composite
def patterns(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0:
        return draw(atoms)
    kind = draw(st.sampled_from(["atom", "many", "or", "repeat", "group"]))
    inner = patterns(depth - 1)
    if kind == "atom":
        return draw(atoms)
    if kind == "many":
        return draw(inner) + draw(inner)
    if kind == "or":
        return f"{draw(inner)}|{draw(inner)}"
    group = f"({draw(inner)})"
    return (
        group
        if kind == "group"
        else group + draw(st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{1,}", "*?"]))
    )


@settings(max_examples=120, deadline=None)
@given(patterns(), st.text("abc.-1\n", max_size=7))
def test_the_same_texts_match_as_in_python(pattern: str, text: str) -> None:
    # Python's $ also matches before a last newline; ours, like Java's matches(), at the very end.
    twin = re.compile(pattern.replace("$", r"\Z"), re.ASCII)
    assert compile_pattern(pattern).matches(text) == (twin.fullmatch(text) is not None)


@settings(max_examples=120)
@given(st.text("ab(){}[]|*+?^$\\.-,1:&i", max_size=12), st.text("ab", max_size=4))
def test_anything_is_a_pattern_or_is_refused_at_a_place(pattern: str, text: str) -> None:
    try:
        compile_pattern(pattern).matches(text)
    except PatternError as error:
        assert 0 <= error.position <= len(pattern) and str(error)


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)*b", "(a*)*(a*)*(a*)*b"])
def test_what_keeps_others_busy_for_years_is_answered(pattern: str) -> None:
    """The number of states followed is bounded by the pattern; a wrong one here would never come back."""
    assert not compile_pattern(pattern).matches("a" * 2000)
    assert compile_pattern(pattern).matches("a" * 2000 + "b")


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        (r"(a)\1", "not supported"),
        ("(?=a)", "only '(?:'"),
        ("a++", "possessive"),
        ("a**", "quantifier after"),
        ("*a", "nothing to repeat"),
        ("(a", "without ')'"),
        ("a)", "without '('"),
        ("[a", "without ']'"),
        ("[b-a]", "no range"),
        ("a{3,1}", "counts up"),
        ("a{999}", "100 at most"),
        ("((a{100}){100}){100}", "too large"),
        ("((((){100}){100}){100}){100}", "too large"),
        ("(" * 60 + "a" + ")" * 60, "too deeply"),
        ("a{", "repetition is"),
        ("[a&&b]", "intersections"),
        ("a\\", "too early"),
    ],
)
def test_what_is_refused(pattern: str, says: str) -> None:
    with pytest.raises(PatternError, match=re.escape(says)):
        compile_pattern(pattern)


def test_letters_of_either_case() -> None:
    assert compile_pattern("(?i)T2[.](micro|[a-f]mall)").matches("t2.MICRO")
    assert not compile_pattern("T2").matches("t2")
