"""Terminals over the WebSocket, in real containers: who gets one, what it does, and how it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from clusters.engine.port import LABEL_TASK_ARN
from services.execute import channel
from tests.lab.installation import PASSWORD, until
from tests.lab.site import Site, container, definition

SET_UP = """
from access.models import Group, User
from access.registry import call, system_caller
me = system_caller("test")
call("update_cluster", me, cluster="default", configuration={"executeCommandConfiguration": {"logging": "DEFAULT"}})
for name, group in (("rita", "read-only"), ("eve", "administrator"), ("otto", "administrator")):
    User.objects.create_user(name, %r).groups.add(Group.objects.get(name=group))
for name in ("admin", "rita", "otto"):
    print(call("create_token", me, username=name, name="t").secret)
"""


class Terminals:
    """An installation, a task that allows commands and one that does not."""

    def __init__(self, site: Site) -> None:
        self.site = site
        lines = site.installation.python(SET_UP % PASSWORD).split()
        self.admin, self.rita, self.otto = lines[-3:]
        image = site.image("idle")
        site.remote.register(document=definition("shell", container("app", image, memory=64)))
        started = site.remote.run_task(task_definition="shell", count=2, enable_execute_command=True)
        self.task, self.doomed = started["tasks"]
        self.closed = site.remote.run_task(task_definition="shell")["tasks"][0]
        for task in (self.task, self.doomed, self.closed):
            site.task(task, "RUNNING")

    @property
    def url(self) -> str:
        return self.site.installation.url

    def ask(self, token: str, task: str = "", command: str = "/bin/sh") -> requests.Response:
        return requests.post(
            f"{self.url}/api/v1/clusters/default/tasks/{task or self.task}/exec",
            json={"command": command, "interactive": True},
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        )

    def session(self, token: str = "", **given: Any) -> dict[str, str]:
        answer = self.ask(token or self.admin, **given)
        assert answer.status_code == 201, answer.text
        return dict(answer.json()["session"])

    def open(self, token: str = "", **given: Any) -> Line:
        return Line(self.session(token, **given))

    def row(self, session: str) -> dict[str, Any]:
        answer = requests.get(
            f"{self.url}/api/v1/exec-sessions?pageSize=100",
            headers={"Authorization": f"Bearer {self.admin}"},
            timeout=20,
        )
        return next(one for one in answer.json()["items"] if one["sessionId"] == session)

    def ended(self, session: str) -> dict[str, Any]:
        return dict(
            until(lambda: (row := self.row(session))["status"] == "ENDED" and row, "it has ended", 20)
        )

    def cookie(self, name: str) -> str:
        """A browser's session of that person."""
        browser = requests.Session()
        page = f"{self.url}/sign-in/"
        browser.get(page, timeout=20)
        data = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": _csrf(browser)}
        answer = browser.post(page, data=data, headers={"Referer": page}, timeout=20)
        assert "/sign-in" not in answer.url, answer.text[:500]
        return "; ".join(f"{one.name}={one.value}" for one in browser.cookies)


def _csrf(browser: requests.Session) -> str:
    return next(str(one.value) for one in browser.cookies if "csrf" in one.name)


class Line:
    """One WebSocket. What it was sent is in `said`; `ended` is the last event."""

    def __init__(
        self, session: dict[str, str], *, token: str | None = None, acknowledges: bool = False, **headers: str
    ) -> None:
        self.session = session["sessionId"]
        self.said = b""
        self.ended: dict[str, Any] | None = None
        self.socket: ClientConnection = connect(
            session["streamUrl"], additional_headers=headers, max_size=None, compression=None
        ).__enter__()
        hello = {"tokenValue": session["tokenValue"] if token is None else token, "columns": 91, "rows": 27}
        self.socket.send(json.dumps({**hello, "acknowledges": acknowledges}))

    def type(self, text: str) -> None:
        self.socket.send(text.encode())

    def until(self, wanted: str, seconds: float = 20) -> str:
        """What was said since the last time, up to and with `wanted`."""
        end = time.monotonic() + seconds
        while wanted.encode() not in self.said:
            self._next(end)
        before, _, self.said = self.said.partition(wanted.encode())
        return (before + wanted.encode()).decode(errors="replace")

    def to_end(self, seconds: float = 30) -> dict[str, Any]:
        """How it ended: the event, with the close code."""
        end = time.monotonic() + seconds
        while True:
            try:
                self._next(end)
            except ConnectionClosed as closed:
                return {**(self.ended or {}), "code": closed.rcvd.code if closed.rcvd else 0}

    def _next(self, end: float) -> None:
        message = self.socket.recv(timeout=max(0.1, end - time.monotonic()))
        if isinstance(message, bytes):
            self.said += message
        elif (event := json.loads(message))["event"] == "ended":
            self.ended = event


@pytest.fixture(scope="module")
def terminals(engine_url: str) -> Iterator[Terminals]:
    with Site(engine_url, {"SLIPWAY_STEADY_SECONDS": "1"}) as site:
        yield Terminals(site)


def test_a_command_runs_and_what_was_done_is_on_record(terminals: Terminals) -> None:
    line = terminals.open()
    line.type("stty size; echo one-$((1+1))\n")
    assert "27 91" in line.until("one-2")
    line.socket.send(json.dumps({"columns": 60, "rows": 20}))
    line.type("sleep 0.3; stty size\n")
    line.until("20 60")
    line.type("exit 7\n")
    ended = line.to_end()
    assert (ended["exitCode"], ended["code"]) == (7, 1000)
    row = terminals.row(line.session)
    assert (row["status"], row["exitCode"]) == ("ENDED", 7)
    assert row["bytesIn"] == len("stty size; echo one-$((1+1))\nsleep 0.3; stty size\nexit 7\n")
    assert row["bytesOut"] > 100 and row["durationSeconds"] > 0.3
    audit = requests.get(
        f"{terminals.url}/api/v1/audit?pageSize=100",
        headers={"Authorization": f"Bearer {terminals.admin}"},
        timeout=20,
    ).json()["items"]
    about = {one["operation"] for one in audit if line.session in json.dumps(one)}
    assert about >= {"execute_command", "exec_session_started", "exec_session_ended"}
    transcript = requests.get(
        f"{terminals.url}/api/v1/exec-sessions/{line.session}/transcript",
        headers={"Authorization": f"Bearer {terminals.admin}"},
        timeout=20,
    )
    assert "one-2" in transcript.text and transcript.headers["Content-Type"].startswith("text/plain")
    denied = requests.get(transcript.url, headers={"Authorization": f"Bearer {terminals.rita}"}, timeout=20)
    assert denied.status_code == 403


def test_who_may_not_gets_no_session_and_no_socket(terminals: Terminals) -> None:
    refused = terminals.ask(terminals.rita)
    assert refused.status_code == 403 and "ecs:ExecuteCommand" in refused.text
    closed = terminals.ask(terminals.admin, task=terminals.closed)
    assert closed.status_code == 400 and "execute command was not enabled" in closed.text
    session = terminals.session()
    wrong = Line(session, token="x" * 43)
    assert wrong.to_end()["code"] == 4403
    line = Line(session)
    line.type("echo first-$((0+1))\n")
    line.until("first-1")
    assert Line(session).to_end()["code"] == 4403, "a token is used once"
    line.socket.close()
    with pytest.raises(InvalidStatus):
        connect(f"{session['streamUrl'].rsplit('/exec/')[0]}/other/").__enter__()


def test_a_browser_must_be_ours_and_signed_in_as_who_asked(terminals: Terminals) -> None:
    session = terminals.session()
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.example", "Cookie": terminals.cookie("admin")},
        {"Origin": terminals.url},
        {"Origin": terminals.url, "Host": "evil.example", "Cookie": terminals.cookie("admin")},
    ):
        with pytest.raises(InvalidStatus) as refused:
            Line(session, **headers)
        assert refused.value.response.status_code == 403
    stolen = Line(session, Origin=terminals.url, Cookie=terminals.cookie("eve"))
    assert stolen.to_end()["code"] == 4403
    own = Line(session, Origin=terminals.url, Cookie=terminals.cookie("admin"))
    own.type("exit 0\n")
    assert own.to_end()["exitCode"] == 0


def test_a_flood_waits_in_the_container_not_in_slipway(terminals: Terminals) -> None:
    """Without a client that takes it, no more than a window leaves the container; then all of it arrives."""
    line = Line(terminals.session(), acknowledges=True)
    line.type("head -c 4000000 /dev/zero | tr '\\0' x; echo; echo all-$((1+1))\n")
    time.sleep(2)
    until(lambda: terminals.row(line.session)["bytesOut"] > 0, "it is counted", 15)
    held = terminals.row(line.session)["bytesOut"]
    assert held <= channel.WINDOW + 64 * 1024
    taken = 0
    end = time.monotonic() + 60
    while b"all-2" not in line.said[-200:]:
        line._next(end)
        line.socket.send(json.dumps({"acknowledged": len(line.said) - taken}))
        taken = len(line.said)
    assert line.said.count(b"x") >= 4_000_000
    line.socket.close()
    assert "closed" in terminals.ended(line.session)["reason"]


def test_what_was_begun_ends_with_the_terminal(terminals: Terminals) -> None:
    engine = terminals.site.engine
    found = engine.list_containers({LABEL_TASK_ARN: terminals.site.task(terminals.task, "RUNNING")["arn"]})
    line = terminals.open()
    line.type("sleep 4711 & sleep 4712\n")

    def sleeping() -> int:
        return engine.top_exec(found[0].id, ("ps", "-o", "args"))[1].count("sleep 471")

    until(lambda: sleeping() == 2, "both run", 15)
    line.socket.close()
    assert terminals.ended(line.session)["reason"] == "The terminal was closed."
    until(lambda: sleeping() == 0, "nothing of it runs", 15)


def test_it_ends_with_its_container(terminals: Terminals) -> None:
    line = terminals.open(task=terminals.doomed)
    line.type("echo here-$((1+1))\n")
    line.until("here-2")
    stopped = requests.post(
        f"{terminals.url}/api/v1/clusters/default/tasks/{terminals.doomed}/stop",
        json={},
        headers={"Authorization": f"Bearer {terminals.admin}"},
        timeout=20,
    )
    assert stopped.status_code == 200
    assert line.to_end()["code"] == 1000
    assert terminals.ended(line.session)["exitCode"] in (None, 137)


def test_who_loses_the_permission_loses_the_terminal(terminals: Terminals) -> None:
    line = terminals.open(terminals.otto)
    line.type("echo in-$((1+1))\n")
    line.until("in-2")
    terminals.site.installation.python(
        "from access.models import User\nUser.objects.get(username='otto').groups.clear()"
    )
    ended = line.to_end(60)
    assert ended["code"] == 4403 and "may not" in ended["reason"]
    assert "may not" in terminals.ended(line.session)["reason"]


def test_an_administrator_ends_a_session(terminals: Terminals) -> None:
    line = terminals.open()
    line.type("echo in-$((1+1))\n")
    line.until("in-2")
    answer = requests.post(
        f"{terminals.url}/api/v1/exec-sessions/{line.session}/end",
        json={},
        headers={"Authorization": f"Bearer {terminals.admin}"},
        timeout=20,
    )
    assert answer.status_code == 200
    assert "Ended by admin" in line.to_end()["reason"]


def test_a_process_that_is_killed_takes_its_terminals_along_and_no_more(terminals: Terminals) -> None:
    line = terminals.open()
    line.type("echo in-$((1+1))\n")
    line.until("in-2")
    installation = terminals.site.installation
    old = installation.kill("exec")
    installation.wait_restarted("exec", old)
    other = terminals.open()
    other.type("echo still-$((1+1))\n")
    other.until("still-2")
    other.socket.close()
    ended = line.to_end(channel.SILENCE + 30)
    assert ended["code"] == 1011 and "silent" in ended["reason"]
    assert terminals.ended(line.session)["exitCode"] is None
