"""ExecuteCommand: a command in a running container, with a terminal. Nothing is run here: the answer is a session
that a terminal opens with its token (console/live/terminal.py), once, within a minute.
"""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet

from access.authorization.visibility import visible
from access.registry import Caller, Params, operation
from access.trail import audit
from base import clock, here, ids, live
from base.errors import ClientError, InvalidParameter, NotFound, Throttled, invalid
from clusters.queries import DEFAULT_CLUSTER, cluster_arn_of
from services import condition_keys
from services.execute import sessions, transcripts
from services.execute.models import ExecSession
from services.log_names import group_arn, group_of
from services.lookup import find_task, task_arn_of, task_owners
from services.models import Task, TaskContainer

TOKEN_SECONDS = 60
LONGEST_COMMAND = 4096
READ_TRANSCRIPT = "slipway:ReadExecTranscript"
"""On the log group. Its own action: who may read the containers' logs may not therefore read what people saw."""
MOST_OF_ONE = 10
"""Sessions of one identity at a time, whatever SLIPWAY_EXEC_SESSIONS allows in all."""
# ECS's own words.
_NOT_ENABLED = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn't running. Wait and try again or run a new task with execute command enabled and try again."
)


class TargetNotConnected(ClientError):
    code = "TargetNotConnectedException"


@dataclass(frozen=True, slots=True)
class Execution:
    """ExecuteCommand's answer. `stream_url`: where a WebSocket opens the session by its token."""

    session: ExecSession
    stream_url: str
    token_value: str = field(repr=False)
    interactive: bool = True


def _targets(params: Params) -> list[str]:
    """The task and its cluster, each to be allowed, as on AWS."""
    return [task_arn_of(params), _cluster_of(params)]


def _cluster_of(params: Params) -> str:
    task = task_arn_of(params)
    parts = task.split("/")
    return here.cluster_arn(parts[1]) if len(parts) == 3 else cluster_arn_of(params)


@operation(
    "ecs:ExecuteCommand",
    resource=_targets,
    context=condition_keys.of_exec,
    owners=task_owners,
    writes=True,
)
def execute_command(
    caller: Caller,
    *,
    task: str,
    command: str,
    interactive: bool,
    cluster: str = DEFAULT_CLUSTER,
    container: str = "",
) -> Execution:
    """Run a command in a container of a running task, with a terminal: answers a session whose token opens it once,
    within a minute. The task must have been started with enableExecuteCommand."""
    if interactive is not True:
        raise invalid("interactive", "Interactive is the only mode supported currently.")
    split_command(command)
    row = find_task(task, cluster)
    if row.status == "STOPPED" or row.desired_status == "STOPPED":
        raise InvalidParameter(
            "The specified task has stopped, or is about to.", fields={"task": "is not to run any more"}
        )
    if not row.enable_execute_command:
        raise InvalidParameter(_NOT_ENABLED, fields={"task": "was started without enableExecuteCommand"})
    target = _running_container(row, container)
    _check_room(caller)
    token, now = secrets.token_urlsafe(32), clock.now()
    session = ExecSession.objects.create(
        id=f"ecs-execute-command-{ids.hex_id(18)}",
        task=row,
        task_arn=row.arn,
        owner_arn=row.service.arn if row.service is not None else "",
        cluster_arn=row.cluster.arn,
        container=target.name,
        container_arn=here.container_arn(row.cluster.name, row.pk, target.runtime_id[:32]),
        runtime_id=target.runtime_id,
        command=command,
        caller=sessions.told(caller),
        actor=caller.arn,
        token_digest=sessions.digest(token),
        token_expires_at=now + timedelta(seconds=TOKEN_SECONDS),
        created_at=now,
        log_group=_log_group(row, target.name),
    )
    audit.note_change("session", None, session.pk)
    return Execution(session, stream_url(session.pk), token)


def split_command(command: object) -> list[str]:
    """The command's words, as a shell splits them. Raises InvalidParameter."""
    if not isinstance(command, str) or not command.strip():
        raise invalid("command", "the command to run, such as /bin/sh")
    if len(command) > LONGEST_COMMAND or "\0" in command:
        raise invalid("command", f"at most {LONGEST_COMMAND} characters, none of them NUL")
    try:
        return shlex.split(command)
    except ValueError as error:
        raise invalid("command", f"cannot be split into words: {error}") from None


def stream_url(session_id: str) -> str:
    """Where the session is opened: at the console's own address."""
    base = settings.SLIPWAY_URL
    if not base:
        host = settings.SLIPWAY_BIND
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        base = f"http://{host}:{settings.SLIPWAY_PORT}"
    return f"ws{base.removeprefix('http')}/live/exec/{session_id}/"


def _running_container(task: Task, name: str) -> TaskContainer:
    containers = list(task.containers.all())
    if not name and len(containers) > 1:
        names = ", ".join(one.name for one in containers)
        raise invalid("container", f"the task has several containers ({names}): say which")
    target = next((one for one in containers if name in ("", one.name)), None)
    if target is None:
        raise invalid("container", f"there is no container named {name} in this task")
    if task.instance is None or not task.instance.connected:
        raise TargetNotConnected(
            "The execute command failed: the instance that the task is on is not reached at the moment."
        )
    if target.status != "RUNNING" or not target.runtime_id:
        raise TargetNotConnected(f"The execute command failed: container {target.name} is not running.")
    return target


def _check_room(caller: Caller) -> None:
    open_now = sessions.unended()
    if open_now.filter(actor=caller.arn).count() >= MOST_OF_ONE:
        raise Throttled(f"You have {MOST_OF_ONE} sessions open: end one before you begin another.")
    if open_now.count() >= settings.SLIPWAY_EXEC_SESSIONS:
        raise Throttled("All sessions that may be open at once are: try again later.")


def _log_group(task: Task, container: str) -> str:
    """Where the transcript belongs; "" where the cluster keeps none."""
    wanted = (task.cluster.configuration or {}).get("executeCommandConfiguration") or {}
    if wanted.get("logging", "NONE") == "NONE":
        return ""
    if wanted["logging"] == "OVERRIDE":
        return str(wanted["logConfiguration"]["cloudWatchLogGroupName"])
    definition = task.task_definition
    found = next(one for one in definition.containers if one["name"] == container)
    return group_of(found, definition.family.name)


# ---- looking, ending, reading --------------------------------------------------------------------


def _find(session_id: str) -> ExecSession:
    row = ExecSession.objects.filter(pk=session_id).first()
    if row is None:
        raise NotFound(f"Session not found: {session_id}.", fields={"sessionId": "not found"})
    return row


def _task_of(params: Params) -> str:
    return _find(str(params["session_id"])).task_arn


def _owners(params: Params) -> list[str]:
    row = _find(str(params["session_id"]))
    return [arn for arn in (row.owner_arn,) if arn]


@operation("slipway:ListExecSessions", resource=lambda params: "*", writes=False)
def list_exec_sessions(
    caller: Caller, *, cluster: str | None = None, task: str | None = None
) -> QuerySet[ExecSession]:
    """Sessions of ExecuteCommand, newest first: of one task, of a cluster's tasks, or of all the caller may see."""
    rows = ExecSession.objects.order_by("-created_at", "pk")
    if cluster is not None:
        rows = rows.filter(cluster_arn=cluster_arn_of({"cluster": cluster}))
    if task is not None:
        rows = rows.filter(task_arn=task_arn_of({"task": task, "cluster": cluster}))
    return visible(
        rows,
        caller,
        "ecs:DescribeTasks",
        arn_field="task_arn",
        owner_fields=["owner_arn"],
        row_keys={"ecs:cluster": "cluster_arn", "ecs:service": "owner_arn"},
    )


@operation("slipway:EndExecSession", resource=_task_of, owners=_owners, writes=True)
def end_exec_session(caller: Caller, *, session_id: str) -> ExecSession:
    """End a session, whoever has it: its command and what it began are ended."""
    row = _find(session_id)
    reason = f"Ended by {caller.name}."
    if not sessions.ask_to_end(row, reason):
        raise ClientError(f"The session {session_id} has ended.", fields={"sessionId": "has ended"})
    audit.note_change("session", row.status, "ENDED")
    sessions.tell(row.pk, reason)
    live.publish(f"task:{row.task_arn.rpartition('/')[2]}")
    row.refresh_from_db()
    return row


def _transcript_group(params: Params) -> str:
    return group_arn(_find(str(params["session_id"])).log_group or "*")


def _transcript_owners(params: Params) -> list[str]:
    row = _find(str(params["session_id"]))
    return [arn for arn in (row.task_arn, row.owner_arn) if arn]


@operation(
    READ_TRANSCRIPT,
    resource=_transcript_group,
    owners=_transcript_owners,
    writes=False,
    audited_read=True,
)
def get_exec_transcript(caller: Caller, *, session_id: str) -> Iterator[bytes]:
    """What a session's terminal was sent, control sequences and all. Kept where the cluster's
    executeCommandConfiguration wants it; reading it is recorded."""
    row = _find(session_id)
    if not row.log_group:
        raise ClientError(
            f"No transcript is kept of session {session_id}: its cluster keeps none.",
            fields={"sessionId": "no transcript is kept"},
        )
    return transcripts.read(row.pk)
