"""Every AWS CLI command that a page shows is one: the CLI itself parses it, AWS's model takes its parameters, and the
operation and all of them work here. Nothing is sent."""

from __future__ import annotations

import html
import json
import logging
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from awscli import clidriver
from awscli.customizations.waiters import WaiterCaller
from django.test import Client
from django.urls import reverse

from clusters.operations import ensure_defaults
from console.aws import faces  # noqa: F401 - registers what answers
from console.aws.checks import Invalid, WrongType
from console.aws.handlers import handler
from console.aws.models import service
from console.web.urls import urlpatterns
from tests import factories
from tests.db.rest.cases import DOCUMENT, POLICY, Scene
from tests.db.rest.cases_identities import TRUST
from tests.db.rest.conftest import make_user

ROOT = Path(__file__).parents[3]
SHOWN = re.compile(r'data-copy="(aws [^"]*)"|- run: (aws [^<"\n]*)')
SERVED = "ecs|iam|sts|secretsmanager|ssm"
WRITTEN = re.compile(rf"aws (?:{SERVED}) (?:wait )?[a-z-]+[a-z](?![a-z-]|{{)")
# The gallery of components shows examples of its own.
GALLERY = ("styleguide",)
FILES = {"policy.json": POLICY, "trust.json": TRUST, "secret.json": {"user": "shop"}}
PLACES = {
    "cluster": "production",
    "service": "web",
    "provider": "idle",
    "family": "web",
    "revision": 13,
    "what": "attach",
    "device": "none",
    "record": 1,
}
OF_DAEMONS = {"cluster": "platform", "daemon": "agent", "family": "agent", "revision": 1}
NAMES = {
    "user": ("amina",),
    "identity": ("amina",),
    "inline": ("amina",),
    "group": ("team",),
    "role": ("scheduler",),
    "rule": ("nightly",),
    "policy": ("mine",),
    "secret": ("shop/db", "guarded"),
    "parameter": ("/shop/level",),
}


def _addresses(scene: Scene) -> Iterator[str]:
    """Every page that can be named, for each of its subjects."""
    kinds = (("users", "amina"), ("groups", "team"), ("roles", "scheduler"), ("policies", "mine"))
    for pattern in urlpatterns:
        wanted = set(pattern.pattern.converters)
        about = PLACES | OF_DAEMONS if str(pattern.name).startswith("daemon") else PLACES
        known: dict[str, Any] = about | {name: scene.names[name] for name in ("task", "instance")}
        places: list[dict[str, Any]] = [{name: known[name] for name in wanted if name in known}]
        if "kind" in wanted:
            places = [places[0] | {"kind": kind, "name": name} for kind, name in kinds]
            places += [one | {"kind": one["kind"].rstrip("s")} for one in places]
        elif "name" in wanted:
            names = NAMES.get(re.split(r"[-]", str(pattern.name))[0], ("amina",))
            places = [places[0] | {"name": name} for name in names]
        for place in places:
            if wanted <= place.keys():
                yield reverse(str(pattern.name), kwargs=place)


def _commands(client: Client, addresses: Iterator[str]) -> dict[str, str]:
    """Command -> a page that shows it."""
    found: dict[str, str] = {}
    for address in addresses:
        response = client.get(address)
        if response.status_code != 200 or getattr(response, "streaming", False):
            continue
        for copied, run in SHOWN.findall(response.content.decode()):
            for command in html.unescape(copied or run).split(" && "):
                found.setdefault(command.strip(), address)
    return found


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """Service, operation and parameters of what the CLI would send; the files that commands name are there."""
    calls: list[tuple[str, str, dict[str, Any]]] = []

    def invoke(self: Any, service_name: str, operation: str, params: dict[str, Any], _: Any) -> int:
        calls.append((service_name, operation, params))
        return 0

    monkeypatch.setattr(clidriver.CLIOperationCaller, "invoke", invoke)
    monkeypatch.setattr(WaiterCaller, "invoke", invoke)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.chdir(tmp_path)
    definition = {name: value for name, value in DOCUMENT.items() if name != "tags"}
    for name, document in (
        FILES | {"task-definition.json": definition, "daemon-task-definition.json": definition}
    ).items():
        Path(name).write_text(json.dumps(document))
    return calls


def _problem(command: str, sent: list[tuple[str, str, dict[str, Any]]]) -> str:
    sent.clear()
    driver = clidriver.create_clidriver()
    logging.getLogger("awscli").setLevel(logging.WARNING)  # else it writes out every argument it knows
    try:
        code = driver.main(shlex.split(command)[1:])
    except ValueError as error:  # of the shell: a quotation that does not end
        return str(error)
    except SystemExit as ended:  # argparse
        code = ended.code
    if code != 0 or not sent:
        return f"the CLI does not take it ({code})"
    name, operation, params = sent[0]
    model = service(name).operations[operation]
    try:
        model.check(params)
    except (Invalid, WrongType) as error:
        return str(error)
    known = handler(name, operation)
    if known is None or known.refuses:
        return f"{operation} is refused"
    refused = known.refused(model, params)
    return f"{operation} refuses {', '.join(refused)}" if refused else ""


@pytest.fixture
def root(client: Client, db: None) -> Client:
    ensure_defaults()
    client.force_login(make_user("root", "administrator"))
    return client


@pytest.fixture
def shown(root: Client) -> dict[str, str]:
    """Of an empty installation, of one with something of everything, and of a service that waits for a task set."""
    empty = iter(reverse(str(one.name)) for one in urlpatterns if not one.pattern.converters)
    found = _commands(root, empty)
    world = factories.world(tasks=2, healthy=1)
    found |= _commands(root, _addresses(Scene.of(world)))
    factories.service(world.cluster, "bare", deployment_controller="EXTERNAL")
    return found | _commands(root, iter(["/clusters/production/services/bare/"]))


def test_every_command_shown_is_taken_by_the_cli_and_works_here(
    shown: dict[str, str],
    sent: list[tuple[str, str, dict[str, Any]]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    wrong = {command: problem for command in shown if (problem := _problem(command, sent))}
    assert wrong == {}, capfd.readouterr().err


def test_every_command_written_in_a_page_is_shown_by_one_that_was_looked_at(shown: dict[str, str]) -> None:
    looked_at = {found[0] for command in shown if (found := WRITTEN.match(command))}
    written = {
        command: str(path)
        for folder, ending in (("templates/web", "*.html"), ("console/web", "*.py"))
        for path in sorted((ROOT / folder).rglob(ending))
        if not path.stem.startswith(GALLERY)
        for command in WRITTEN.findall(path.read_text())
    }
    assert {command: path for command, path in written.items() if command not in looked_at} == {}
