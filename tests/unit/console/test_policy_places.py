"""Where the parts of a policy stand in its text."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.policy import PolicyError, parse
from console.web.policy_places import Broken, places, read

TEXT = """{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "ecs:UpdateService",
        "nonsense"
      ],
      "Resource": "*", "Condition": {
        "StringEquals": {"ecs:cluster": [
          "a"
        ]}
      }
    },
    {"Effect": "Deny", "Action": "x", "Resource": "*"}
  ]
}"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("", 1),
        ("Version", 2),
        ("Statement", 3),
        ("Statement[0]", 4),
        ("Statement[0].Action", 6),
        ("Statement[0].Action[1]", 8),
        ("Statement[0].Condition", 10),
        ("Statement[0].Condition.StringEquals", 11),
        ("Statement[0].Condition.StringEquals.ecs:cluster", 11),
        ("Statement[0].Condition.StringEquals.ecs:cluster[0]", 12),
        ("Statement[1]", 16),
        ("Statement[1].Action", 16),
    ],
)
def test_every_part_has_its_line(place: str, line: int) -> None:
    assert places(TEXT).line_of(place) == line


def test_what_is_missing_is_shown_where_it_should_stand() -> None:
    found = places(TEXT)
    assert found.line_of("Statement[1].Sid") == 16
    assert found.line_of("Statement[0].Condition.Bool.aws:x") == 10
    assert found.line_of("(document)") == 1


def test_the_checker_and_the_text_name_places_alike() -> None:
    with pytest.raises(PolicyError) as caught:
        parse(json.loads(TEXT))
    lines = {problem.place: places(TEXT).line_of(problem.place) for problem in caught.value.problems}
    assert lines == {"Statement[0].Action[1]": 8, "Statement[1].Action": 16}


def test_a_key_that_stands_twice_is_found() -> None:
    text = '{\n "Effect": "Deny",\n "Effect":\n "Allow", "Statement": [{"A": 1,\n"A": 2}]\n}'
    assert places(text).twice == (("Effect", 3), ("Statement[0].A", 5))
    assert places(text).line_of("Effect") == 3


def test_text_that_is_no_json_says_where() -> None:
    assert read('{"a": 1,\n  "b" 2}') == Broken(2, 7, "Expecting ':' delimiter")
    assert read('{"a": NaN}') == Broken(1, 1, "NaN is not JSON")
    assert isinstance(read("[" * 200_000), Broken)
    assert read(' {"a": [1]} ') == {"a": [1]}


@pytest.mark.parametrize("text", ["", "{", '{"a"', '{"a": [1,', '{"a": "b', "]", '{"a":}', "nul", "[" * 5000])
def test_a_text_that_is_half_written_is_no_trouble(text: str) -> None:
    assert places(text).line_of("a.b[3]") >= 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abX:", max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(_JSON, st.sampled_from([None, 1, 2]))
def test_every_part_of_any_document_is_found_on_the_line_that_names_it(
    document: object, indent: int | None
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    lines = text.split("\n")
    found = places(text)
    assert set(found.lines) == set(_parts(document, ""))
    for place, line in found.lines.items():
        key = re.search(r"\.?([^.\[\]]+)$", place)
        if key and place:
            assert json.dumps(key[1], ensure_ascii=False) in lines[line - 1]


def _parts(document: object, place: str) -> list[str]:
    here = [place]
    if isinstance(document, dict):
        for key, value in document.items():
            here += _parts(value, f"{place}.{key}" if place else key)
    elif isinstance(document, list):
        for number, value in enumerate(document):
            here += _parts(value, f"{place}[{number}]")
    return here


@given(st.text('{}[]":,a1 \n\\', max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    assert places(text).line_of("Statement[0]") <= text.count("\n") + 1
    read(text)
