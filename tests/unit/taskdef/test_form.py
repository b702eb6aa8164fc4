"""The web form: what it writes, what it keeps, where it tells mistakes, and that nothing gets lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.taskdef import form_text
from services.taskdef.form import CONTAINER_FIELDS, TASK_FIELDS, InvalidForm, check_form, from_form, to_form
from services.taskdef.validate import validate
from tests.unit.taskdef.examples import container, document
from tests.unit.taskdef.strategies import TEXT, documents, examples

WEB = {
    "family": "shop",
    "network_mode": "bridge",
    "task_cpu": "0.25 vCPU",
    "containers-0-name": "web",
    "containers-0-image": "nginx:1.25",
    "containers-0-essential": "on",
    "containers-0-memory": "128",
}


def problems(fields: dict[str, str], base: dict[str, Any] | None = None) -> dict[str, list[str]]:
    with pytest.raises(InvalidForm) as caught:
        check_form(fields, base)
    return caught.value.by_field


def test_a_filled_form_becomes_a_document() -> None:
    form = WEB | {
        "containers-0-cpu": "64",
        "containers-0-ports": "8080:80/tcp web\r\n53/udp, 443",
        "containers-0-environment": 'A=1\r\n\r\n# a comment\r\nURL=http://x/?a=b\r\nB=\r\nC="two\\nlines "',
        "containers-0-command": "sh -c 'echo \"$HOME\"'",
        "containers-0-health_command": "wget -qO- localhost || exit 1",
        "containers-0-health_interval": "10",
        "containers-3-name": "log",
        "containers-3-image": "busybox",
        "containers-3-memory_reservation": "16",
        "csrfmiddlewaretoken": "x",
    }
    assert from_form(form) == {
        "family": "shop",
        "networkMode": "bridge",
        "cpu": "0.25 vCPU",
        "containerDefinitions": [
            {
                "name": "web", "image": "nginx:1.25", "essential": True, "cpu": 64, "memory": 128,
                "portMappings": [
                    {"containerPort": 80, "hostPort": 8080, "protocol": "tcp", "name": "web"},
                    {"containerPort": 53, "protocol": "udp"},
                    {"containerPort": 443, "protocol": "tcp"},
                ],
                "environment": [
                    {"name": "A", "value": "1"}, {"name": "URL", "value": "http://x/?a=b"},
                    {"name": "B", "value": ""}, {"name": "C", "value": "two\nlines "},
                ],
                "command": ["sh", "-c", 'echo "$HOME"'],
                "healthCheck": {"command": ["CMD-SHELL", "wget -qO- localhost || exit 1"], "interval": 10},
            },
            {"name": "log", "image": "busybox", "essential": False, "memoryReservation": 16},
        ],
    }  # fmt: skip
    assert check_form(form) == validate(from_form(form))


def test_mistakes_are_told_at_their_fields() -> None:
    form = WEB | {
        "family": "a b",
        "task_cpu": "lots",
        "containers-0-memory": "5",
        "containers-2-name": "side",
        "containers-2-image": "NOT/an image",
        "containers-2-cpu": "many",
        "containers-2-memory": "64",
        "containers-2-ports": "80\n70000/udp",
        "containers-2-environment": "A=1\nA=2",
        "containers-2-health_command": "true",
        "containers-2-health_timeout": "1",
    }
    found = problems(form)
    assert {field: len(messages) for field, messages in found.items()} == dict.fromkeys(
        [
            "family", "task_cpu", "containers-0-memory", "containers-2-image", "containers-2-cpu",
            "containers-2-ports", "containers-2-environment", "containers-2-health_timeout",
        ],
        1,
    )  # fmt: skip
    assert found["containers-2-cpu"] == ["'many' is not a whole number"]
    assert found["containers-2-ports"][0].startswith("70000/udp: must be between 1 and 65535")
    assert found["containers-2-environment"][0].startswith("A: A is already given")


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("ports", "80-90", "is not a port"),
        ("ports", "127.0.0.1:80:80", "is not a port"),
        ("environment", "JUST_A_NAME", "no equals sign"),
        ("environment", 'A="x\\d"', "no quoted text"),
        ("command", "echo 'open", "cannot be split"),
        ("entry_point", 'x "', "cannot be split"),
        ("health_command", "CMD 'x", "cannot be split"),
        ("health_retries", "1.5", "not a whole number"),
    ],
)
def test_texts_that_cannot_be_read_are_told_once(field: str, text: str, words: str) -> None:
    form = WEB | {"containers-0-health_command": "true", f"containers-0-{field}": text}
    found = problems(form)
    assert list(found) == [f"containers-0-{field}"] and len(found[f"containers-0-{field}"]) == 1
    assert words in found[f"containers-0-{field}"][0]
    with pytest.raises(InvalidForm, match=words):
        from_form(form)


def test_an_empty_form_says_what_it_needs() -> None:
    assert problems({}) == {"family": ["is required"], "": ["containerDefinitions: must not be empty"]}
    assert set(problems({"containers-0-memory": "6"})) == {
        "family",
        "containers-0-name",
        "containers-0-image",
        "",
    }


def test_mistakes_outside_the_form_are_told_for_the_whole_with_their_path() -> None:
    base = validate(document(container(dockerLabels={"a": "b"})))
    base["containerDefinitions"][0]["stopTimeout"] = -5
    assert list(problems(to_form(base), base)) == [""]
    assert problems(to_form(base), base)[""][0].startswith(
        "containerDefinitions[0].stopTimeout: must be between"
    )


def test_what_the_form_has_no_field_for_is_kept() -> None:
    base = validate(
        document(
            container(user="app", linuxParameters={"initProcessEnabled": True}, cpu=5,
                      dependsOn=[{"containerName": "db", "condition": "START"}]),
            container("db", stopTimeout=9),
            volumes=[{"name": "v"}], tags=[{"key": "a", "value": "b"}],
        )
    )  # fmt: skip
    form = to_form(base) | {
        "containers-0-image": "nginx:2",
        "containers-0-cpu": "",
        "containers-1-name": "database",
    }
    changed = check_form(form, base)
    web, database = changed["containerDefinitions"]
    assert (web["image"], web["cpu"], web["user"]) == ("nginx:2", 0, "app")
    assert web["linuxParameters"] == {"initProcessEnabled": True}
    assert web["dependsOn"] == [{"containerName": "database", "condition": "START"}]
    assert (database["name"], database["stopTimeout"]) == ("database", 9)
    assert changed["volumes"] and changed["tags"]


def test_a_described_revision_serves_as_the_base() -> None:
    base = validate(document()) | {"revision": 4, "status": "ACTIVE", "taskDefinitionArn": "arn:x"}
    assert check_form(to_form(base), base) == validate(document())


def test_removed_fields_and_containers_are_removed() -> None:
    check = {"command": ["CMD", "true"]}
    base = validate(document(container(environment=[{"name": "A"}], healthCheck=check), container("db")))
    form = {name: text for name, text in to_form(base).items() if not name.startswith("containers-1-")}
    form |= {
        "containers-0-environment": "",
        "containers-0-health_command": " ",
        "containers-0-essential": "on",
    }
    (web,) = check_form(form, base)["containerDefinitions"]
    assert web["environment"] == [] and "healthCheck" not in web


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("curl -f http://localhost/ || exit 1", ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]),
        ("CMD-SHELL curl x", ["CMD-SHELL", "curl x"]),
        ("CMD-SHELL, curl x", ["CMD-SHELL", "curl x"]),
        ("CMD /check --fast 'a b'", ["CMD", "/check", "--fast", "a b"]),
        ('["CMD", "/check"]', ["CMD", "/check"]),
        ("[ -f /ready ]", ["CMD-SHELL", "[ -f /ready ]"]),
        ("NONE", ["NONE"]),
    ],
)
def test_health_checks_are_written_as_a_line_or_as_in_ecs(text: str, command: list[str]) -> None:
    assert form_text.read_check(text) == command
    assert form_text.read_check(form_text.write_check(command)) == command


# ---- round trips -----------------------------------------------------------------------------------------

COVERED = {
    "name", "image", "essential", "cpu", "memory", "memoryReservation", "portMappings", "environment", "secrets",
    "entryPoint", "command", "healthCheck",
}  # fmt: skip


def through_a_browser(fields: dict[str, str]) -> dict[str, str]:
    """As a browser sends it: CR LF line breaks, unchecked boxes left out."""
    return {
        name: text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
        for name, text in fields.items()
        if text or not name.endswith("essential")
    }


@examples(50)
@given(documents())
def test_an_unchanged_form_gives_the_same_document(request: dict[str, Any]) -> None:
    normalised = validate(request)
    assert check_form(through_a_browser(to_form(normalised)), normalised) == normalised


@examples(40)
@given(documents())
def test_without_a_base_the_form_s_own_fields_survive(request: dict[str, Any]) -> None:
    normalised = validate(request)
    made = from_form(through_a_browser(to_form(normalised)))
    covered = {name: value for name, value in normalised.items() if name in TASK_FIELDS.values()}
    covered["containerDefinitions"] = [
        {name: value for name, value in each.items() if name in COVERED}
        for each in normalised["containerDefinitions"]
    ]
    expected = validate({**covered})
    assert validate(made) == expected


@examples(40)
@given(documents())
def test_the_form_is_stable(request: dict[str, Any]) -> None:
    form = to_form(validate(request))
    assert to_form(check_form(form, validate(request))) == form


@examples(50)
@given(st.lists(TEXT, min_size=1, max_size=4))
def test_every_command_can_be_written(command: list[str]) -> None:
    text = form_text.write_command(command).replace("\n", "\r\n")
    assert form_text.read_command(text) == command


@examples(50)
@given(
    st.lists(
        st.fixed_dictionaries({"name": TEXT.filter(lambda t: t and "=" not in t), "value": TEXT}), max_size=4
    )
)
def test_every_environment_can_be_written(environment: list[dict[str, str]]) -> None:
    text = form_text.write_environment(environment).replace("\n", "\r\n")
    assert form_text.read_environment(text) == environment


@examples(200)
@given(st.dictionaries(
    st.sampled_from([*TASK_FIELDS, *(f"containers-{i}-{name}" for i in (0, 1, 7) for name in CONTAINER_FIELDS)]),
    st.one_of(st.text(max_size=20), st.sampled_from(["80:80", "A=1", "on", "CMD x", "[", '["a"]', '"', "web", "64"])),
))  # fmt: skip
def test_any_form_is_answered(fields: dict[str, str]) -> None:
    try:
        check_form(fields)
    except InvalidForm as error:
        assert set(error.by_field) <= {*fields, *TASK_FIELDS, ""} | {
            f"containers-{i}-{name}" for i in (0, 1, 7) for name in CONTAINER_FIELDS
        }
