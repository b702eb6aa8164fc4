"""ExecuteCommand: who may, what is answered, and the life of the session in rows and records."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from access.caller import Caller
from access.models import AuditRecord
from access.policy import parse
from access.registry import system_caller
from base import clock, here
from base.errors import AccessDenied, ClientError, InvalidParameter, OperationError, Throttled, Unsupported
from clusters.models import Cluster
from clusters.operations import update_cluster
from services.execute import operations, sessions
from services.execute.channel import Ending
from services.execute.models import ExecSession, ExecTranscript
from services.execute.operations import (
    end_exec_session,
    execute_command,
    get_exec_transcript,
    list_exec_sessions,
)
from services.execute.transcripts import Transcript
from services.models import Task, TaskContainer
from services.updating import update_service
from tests import factories

pytestmark = pytest.mark.django_db
ROOT = system_caller("test")


def _caller(*statements: dict[str, Any], name: str = "rita") -> Caller:
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    return Caller(arn=here.user_arn(name), name=name, face="rest", statements=parse(policy, source="test"))


def _allow(resource: Any, action: str = "ecs:ExecuteCommand", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.fixture
def task() -> Task:
    row = factories.world(tasks=2, healthy=2).new[0]
    Task.objects.filter(pk=row.pk).update(enable_execute_command=True)
    row.refresh_from_db()
    return row


def _execute(task: Task, caller: Caller = ROOT, **given: Any) -> operations.Execution:
    options: dict[str, Any] = {"command": "/bin/sh", "interactive": True, **given}
    return execute_command(caller, task=task.pk, cluster=task.cluster.name, **options)


def test_it_answers_a_session_whose_token_is_kept_nowhere(task: Task) -> None:
    answer = _execute(task)
    row = ExecSession.objects.get()
    assert row.status == "PENDING" and row.task_arn == task.arn and row.container == "web"
    assert answer.stream_url.startswith("ws://") and row.pk in answer.stream_url
    record = AuditRecord.objects.get(operation="execute_command")
    assert record.resources[:2] == [task.arn, task.cluster.arn]
    assert record.parameters["command"] == "/bin/sh"
    everything = str([vars(one) for one in (row, record)])
    assert answer.token_value not in everything and answer.token_value not in repr(answer)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"interactive": False}, "only mode supported"),
        ({"command": " "}, "command"),
        ({"command": "sh -c 'x"}, "words"),
        ({"command": "x" * 5000}, "4096"),
        ({"container": "db"}, "no container named db"),
    ],
)
def test_what_is_refused(task: Task, given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidParameter, match=says):
        _execute(task, **given)
    assert not ExecSession.objects.exists()


def test_a_task_started_without_it_is_refused_in_ecs_words(task: Task) -> None:
    Task.objects.update(enable_execute_command=False)
    with pytest.raises(InvalidParameter, match="execute command was not enabled when the task was run"):
        _execute(task)


def test_a_container_that_does_not_run_and_an_instance_that_is_away(task: Task) -> None:
    TaskContainer.objects.update(status="STOPPED")
    with pytest.raises(ClientError) as refused:
        _execute(task)
    assert refused.value.code == "TargetNotConnectedException"
    TaskContainer.objects.update(status="RUNNING")
    assert task.instance is not None
    task.instance.connected = False
    task.instance.save(update_fields=["connected"])
    with pytest.raises(ClientError) as refused:
        _execute(task)
    assert refused.value.code == "TargetNotConnectedException"
    Task.objects.update(desired_status="STOPPED")
    with pytest.raises(InvalidParameter, match="stopped"):
        _execute(task)


def test_of_several_containers_one_must_be_named(task: Task) -> None:
    TaskContainer.objects.create(task=task, name="side", image="x", status="RUNNING", runtime_id="s" * 64)
    with pytest.raises(InvalidParameter, match="several containers"):
        _execute(task)
    assert _execute(task, container="side").session.container == "side"


# ---- who may ------------------------------------------------------------------------------------


def test_both_the_task_and_its_cluster_must_be_allowed(task: Task) -> None:
    for resources in ([task.arn], [task.cluster.arn]):
        with pytest.raises(AccessDenied):
            _execute(task, _caller(_allow(resources)))
    assert not ExecSession.objects.exists()
    assert AuditRecord.objects.filter(result="denied", action="ecs:ExecuteCommand").count() == 2
    _execute(task, _caller(_allow([task.arn, task.cluster.arn])))


def test_a_condition_on_the_containers_name(task: Task) -> None:
    def only(name: str) -> Caller:
        return _caller(_allow("*", Condition={"StringEquals": {"ecs:container-name": name}}))

    _execute(task, only("web"), container="web")
    _execute(task, only("web"))  # its only one
    with pytest.raises(AccessDenied):
        _execute(task, only("db"))
    TaskContainer.objects.create(task=task, name="side", image="x", status="RUNNING", runtime_id="s" * 64)
    with pytest.raises(AccessDenied):
        _execute(task, only("web"), container="side")
    with pytest.raises(AccessDenied):
        _execute(task, only("web"))


def test_enabling_it_can_be_forbidden_by_its_condition_key(task: Task) -> None:
    deny = {
        "Effect": "Deny",
        "Action": "ecs:UpdateService",
        "Resource": "*",
        "Condition": {"StringEquals": {"ecs:enable-execute-command": "true"}},
    }
    caller = _caller(_allow("*", "ecs:*"), deny)
    assert task.service is not None
    with pytest.raises(AccessDenied):
        update_service(caller, service="web", cluster="production", enable_execute_command=True)
    update_service(caller, service="web", cluster="production", enable_execute_command=False)
    update_service(caller, service="web", cluster="production", desired_count=1)
    revisions = task.service.revisions.count()
    update_service(ROOT, service="web", cluster="production", enable_execute_command=True)
    task.service.refresh_from_db()
    assert task.service.enable_execute_command
    assert task.service.revisions.count() == revisions, "as on AWS, it begins no deployment"


def test_no_more_than_so_many_at_once(task: Task, settings: Any) -> None:
    settings.SLIPWAY_EXEC_SESSIONS = 2
    _execute(task)
    _execute(task, _caller(_allow("*")))
    with pytest.raises(Throttled, match="All sessions"):
        _execute(task)
    settings.SLIPWAY_EXEC_SESSIONS = 100
    for _ in range(operations.MOST_OF_ONE - 1):
        _execute(task)
    with pytest.raises(Throttled, match="You have"):
        _execute(task)
    _execute(task, _caller(_allow("*")))
    ExecSession.objects.update(token_expires_at=clock.now())
    _execute(task)  # tokens that ran out hold no place


# ---- its life -----------------------------------------------------------------------------------


def test_a_token_opens_once_for_its_owner_in_its_time(task: Task) -> None:
    answer = _execute(task)
    key, token = answer.session.pk, answer.token_value
    assert sessions.take(key, token + "x", None) is None
    assert sessions.take(key, "", None) is None
    assert sessions.take("nothing", token, None) is None
    assert sessions.take(key, token, here.user_arn("eve")) is None
    assert sessions.take(key, token, answer.session.actor) is not None
    assert sessions.take(key, token, answer.session.actor) is None
    late = _execute(task)
    ExecSession.objects.filter(pk=late.session.pk).update(token_expires_at=clock.now() - timedelta(seconds=1))
    assert sessions.take(late.session.pk, late.token_value, None) is None


def test_beginning_and_end_are_recorded_once(task: Task) -> None:
    caller = _caller(_allow("*"))
    answer = _execute(task, caller)
    key = answer.session.pk
    assert sessions.begin(key) is None, "nobody has opened it"
    sessions.take(key, answer.token_value, None)
    assert sessions.begin(key) is not None
    assert sessions.begin(key) is None, "another process has it"
    assert sessions.beat(key, 3, 4) == ""
    assert sessions.end(key, Ending("The command ended with code 0.", 0), bytes_in=5, bytes_out=9)
    assert not sessions.end(key, Ending("again"))
    assert sessions.beat(key, 3, 4) != ""
    started, ended = AuditRecord.objects.filter(operation__startswith="exec_session").order_by("id")
    assert (started.operation, started.actor_arn) == ("exec_session_started", caller.arn)
    assert ended.operation == "exec_session_ended" and ended.resource == task.arn
    said = ended.parameters
    assert (said["bytesIn"], said["bytesOut"], said["exitCode"]) == (5, 9, 0)
    assert said["durationSeconds"] >= 0 and said["session_id"] == key


def test_the_sweep_ends_what_nobody_holds(task: Task) -> None:
    old = clock.now() - timedelta(minutes=5)
    lost = factories.exec_session(task, seen_at=old)
    untaken = factories.exec_session(task, status="OPENING", started_at=None, seen_at=old)
    unused = factories.exec_session(task, status="PENDING", token_expires_at=old)
    alive = factories.exec_session(task)
    assert sessions.sweep() == 3
    rows = {row.pk: row for row in ExecSession.objects.all()}
    assert rows[alive.pk].status == "ACTIVE"
    assert {rows[one.pk].status for one in (lost, untaken, unused)} == {"ENDED"}
    assert AuditRecord.objects.filter(operation="exec_session_ended").count() == 1


def test_somebody_else_may_end_it(task: Task) -> None:
    row = factories.exec_session(task)
    with pytest.raises(AccessDenied):
        end_exec_session(_caller(_allow("*")), session_id=row.pk)
    end_exec_session(ROOT, session_id=row.pk)
    assert "Ended by" in sessions.beat(row.pk, 0, 0)
    with pytest.raises(ClientError, match="has ended"):
        end_exec_session(ROOT, session_id=row.pk)
    waiting = factories.exec_session(task, status="PENDING")
    assert end_exec_session(ROOT, session_id=waiting.pk).status == "ENDED"
    with pytest.raises(OperationError):
        end_exec_session(ROOT, session_id="nothing")


# ---- transcripts --------------------------------------------------------------------------------


def _keep(cluster: Cluster, **wanted: Any) -> None:
    update_cluster(ROOT, cluster=cluster.name, configuration={"executeCommandConfiguration": wanted})


def test_transcripts_are_kept_where_the_cluster_wants_them(task: Task) -> None:
    assert _execute(task).session.log_group == ""
    _keep(task.cluster)
    assert _execute(task).session.log_group == "/ecs/web"
    _keep(task.cluster, logging="OVERRIDE", logConfiguration={"cloudWatchLogGroupName": "/exec/shop"})
    assert _execute(task).session.log_group == "/exec/shop"
    _keep(task.cluster, logging="NONE")
    row = _execute(task).session
    assert row.log_group == ""
    with pytest.raises(ClientError, match="No transcript"):
        get_exec_transcript(ROOT, session_id=row.pk)


@pytest.mark.parametrize(
    ("configuration", "error", "says"),
    [
        ({"managedStorageConfiguration": {"kmsKeyId": "x"}}, Unsupported, "managedStorage"),
        ({"executeCommandConfiguration": {"kmsKeyId": "x"}}, Unsupported, "kmsKeyId"),
        ({"executeCommandConfiguration": {"logging": "LOUD"}}, InvalidParameter, "NONE, DEFAULT or OVERRIDE"),
        (
            {"executeCommandConfiguration": {"logging": "OVERRIDE"}},
            InvalidParameter,
            "cloudWatchLogGroupName",
        ),
        (
            {
                "executeCommandConfiguration": {
                    "logging": "OVERRIDE",
                    "logConfiguration": {"s3BucketName": "b"},
                }
            },
            InvalidParameter,
            "s3BucketName",
        ),
        ({"executeCommandConfiguration": {"logConfiguration": {"a": 1}}}, InvalidParameter, "OVERRIDE"),
        ({"executeCommandConfiguration": "yes"}, InvalidParameter, "object"),
        ({"other": {}}, InvalidParameter, "configuration.other"),
    ],
)
def test_configurations_that_are_refused(
    task: Task, configuration: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        update_cluster(ROOT, cluster="production", configuration=configuration)
    task.cluster.refresh_from_db()
    assert task.cluster.configuration == {}


def test_a_transcript_is_bounded_and_reading_it_recorded(task: Task, settings: Any) -> None:
    settings.SLIPWAY_EXEC_TRANSCRIPT_KIB = 100
    row = factories.exec_session(task, transcript=b"")
    kept = Transcript(row.pk)
    for _ in range(30):
        kept.add(b"0123456789" * 500)
    kept.flush()
    row.refresh_from_db()
    assert (row.transcript_bytes, row.transcript_cut) == (100 * 1024, True)
    assert ExecTranscript.objects.filter(session=row).count() == 2
    may = _caller(_allow(f"arn:aws:logs:*:*:log-group:{row.log_group}", operations.READ_TRANSCRIPT))
    assert len(b"".join(get_exec_transcript(may, session_id=row.pk))) == 100 * 1024
    assert AuditRecord.objects.filter(operation="get_exec_transcript", result="success").count() == 1
    with pytest.raises(AccessDenied):
        get_exec_transcript(_caller(_allow("*", "logs:*")), session_id=row.pk)


def test_lists_show_what_their_reader_may_see(task: Task) -> None:
    row = factories.exec_session(task)
    see = _caller(_allow("*", "slipway:ListExecSessions"), _allow(task.arn, "ecs:DescribeTasks"))
    assert list(list_exec_sessions(see, task=task.pk, cluster="production")) == [row]
    blind = _caller(_allow("*", "slipway:ListExecSessions"))
    assert not list_exec_sessions(blind).exists()
    assert not list_exec_sessions(see, cluster="empty").exists()


def test_sessions_outlive_their_task_and_are_forgotten_in_time(task: Task) -> None:
    row = factories.exec_session(task, status="ENDED")
    task.delete()
    assert ExecSession.objects.filter(pk=row.pk, task=None).exists()
    assert sessions.forget(clock.now() - timedelta(days=1)) == 0
    assert sessions.forget(clock.now() + timedelta(days=1)) == 1
    assert not ExecTranscript.objects.exists()
