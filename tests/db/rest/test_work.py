"""A day's work by REST: what the answers say, and what they did."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from access.models import AuditRecord
from base import here
from clusters.models import ContainerInstance
from clusters.operations import ensure_defaults
from services.models import Deployment, Service, Task, TaskDefinition
from tests import factories
from tests.db.rest.cases import DOCUMENT
from tests.db.rest.conftest import error_of, rows
from tests.factories import World

WEB = "/api/v1/clusters/production/services/web"


def ok(response: Any, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.content
    answer: dict[str, Any] = response.json()
    return answer


# ---- clusters and instances --------------------------------------------------------------------


def test_a_cluster_from_first_to_last(root: APIClient) -> None:
    made = ok(
        root.post("/api/v1/clusters/", {"clusterName": "blue", "tags": {"team": "shop"}}, format="json"), 201
    )
    assert made["clusterArn"] == here.cluster_arn("blue")
    assert (made["status"], made["tags"], made["registeredContainerInstancesCount"]) == (
        "ACTIVE",
        {"team": "shop"},
        0,
    )
    body = {
        "url": "tcp://10.0.0.7:2376", "tlsCa": "ca", "tlsCertificate": "certificate", "tlsKey": "the-private-key",
        "attributes": {"rack": "7"},
    }  # fmt: skip
    response = root.post("/api/v1/clusters/blue/container-instances", body, format="json")
    instance = ok(response, 201)
    assert instance["attributes"]["rack"] == "7" and not instance["agentConnected"]
    assert "the-private-key" not in response.content.decode()
    assert "the-private-key" not in str(list(AuditRecord.objects.values()))
    assert ok(root.get("/api/v1/clusters/blue/"))["registeredContainerInstancesCount"] == 1
    error = error_of(root.delete("/api/v1/clusters/blue"), 400, "ClusterContainsContainerInstancesException")
    assert "Container Instances" in error["message"]
    url = f"/api/v1/clusters/blue/container-instances/{instance['containerInstanceId']}"
    assert ok(root.patch(url, {"status": "DRAINING"}, format="json"))["status"] == "DRAINING"
    assert ok(root.delete(url))["deregisteredAt"] is not None
    error_of(root.get(url), 404)
    assert ok(root.delete("/api/v1/clusters/blue"))["status"] == "INACTIVE"
    error_of(root.get("/api/v1/clusters/blue"), 404, "ClusterNotFoundException")


def test_an_instance_tells_its_resources(world: World, reader: APIClient) -> None:
    host = world.instances[0]
    host.host_ports.create(port=8080, holder="task")
    shown = ok(reader.get(f"/api/v1/clusters/production/container-instances/{host.pk}"))
    host.refresh_from_db()
    assert shown["registeredResources"][0] == {"name": "CPU", "type": "INTEGER", "integerValue": 65536}
    assert shown["remainingResources"][0]["integerValue"] == 65536 - host.cpu_reserved < 65536
    assert shown["usedHostPorts"] == ["8080/tcp"]


# ---- task definitions --------------------------------------------------------------------------


@pytest.mark.parametrize("tags", [{"team": "shop"}, [{"key": "team", "value": "shop"}]])
def test_an_aws_document_becomes_a_revision(tags: object, root: APIClient) -> None:
    made = ok(root.post("/api/v1/task-definitions", {**DOCUMENT, "tags": tags}, format="json"), 201)
    assert made["taskDefinitionArn"] == here.task_definition_arn("api", 1)
    assert (made["family"], made["revision"], made["status"], made["tags"]) == (
        "api",
        1,
        "ACTIVE",
        {"team": "shop"},
    )
    assert made["containerDefinitions"][0]["image"] == "api:1"
    shown = ok(root.get("/api/v1/task-definitions/api"))
    assert shown == made
    # What was answered, without what the answer added, can be registered again.
    ours = {"taskDefinitionArn", "revision", "status", "registeredAt", "registeredBy", "deregisteredAt"}
    again = {name: value for name, value in shown.items() if name not in ours}
    assert ok(root.post("/api/v1/task-definitions", again, format="json"), 201)["revision"] == 2


def test_a_deployer_may_not_register_host_mounts(client_of: Any) -> None:
    deployer = client_of("dora", "deployer")
    document = {
        **DOCUMENT,
        "volumes": [{"name": "data", "host": {"sourcePath": "/srv"}}],
    }
    error = error_of(deployer.post("/api/v1/task-definitions", document, format="json"), 403)
    assert error["action"] == "slipway:UseHostMounts"
    assert not TaskDefinition.objects.exists()
    ok(deployer.post("/api/v1/task-definitions", DOCUMENT, format="json"), 201)


def test_two_revisions_are_compared(world: World, reader: APIClient) -> None:
    compared = ok(reader.get("/api/v1/task-definitions/web:12/compare?to=web:13"))
    assert compared["before"] == here.task_definition_arn("web", 12)
    changes = {
        change["path"]: (change["before"], change["after"], change["kind"]) for change in compared["changes"]
    }
    assert changes["containerDefinitions[web].image"] == ("web:9a3d0b1", "web:4f1c9e2", "changed")
    assert changes["containerDefinitions[web].environment[FEATURE_CART]"] == (None, "on", "added")
    assert ok(reader.get("/api/v1/task-definitions/web:12/compare?to=web:12"))["changes"] == []
    error_of(reader.get("/api/v1/task-definitions/web:12/compare?to=web:99"), 400, "ClientException")
    assert error_of(reader.get("/api/v1/task-definitions/web:12/compare"), 400)["fields"] == {
        "to": "This field is required."
    }


# ---- services ----------------------------------------------------------------------------------


def test_a_service_is_created_scaled_configured_and_deleted(root: APIClient) -> None:
    ensure_defaults()
    ok(root.post("/api/v1/task-definitions", DOCUMENT, format="json"), 201)
    path = "/api/v1/clusters/default/services"
    body = {"serviceName": "api", "taskDefinition": "api", "desiredCount": 2, "tags": {"a": "b"}}
    made = ok(root.post(path, body, format="json"), 201)
    assert made["taskDefinition"] == here.task_definition_arn("api", 1)
    assert (made["desiredCount"], made["runningCount"], made["launchType"]) == (2, 0, "EC2")
    assert made["deploymentConfiguration"]["maximumPercent"] == 200
    first = ok(root.get(f"/api/v1/deployments/{made['currentServiceDeployment'].rpartition('/')[2]}"))
    assert (first["status"], first["number"], first["sourceServiceRevision"]) == ("PENDING", 1, None)
    error_of(root.post(path, body, format="json"), 400)

    scaled = ok(root.patch(f"{path}/api", {"desiredCount": 5}, format="json"))
    assert (scaled["desiredCount"], scaled["currentServiceDeployment"]) == (
        5,
        made["currentServiceDeployment"],
    )
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    configured = ok(root.patch(f"{path}/api", {"deploymentConfiguration": breaker}, format="json"))
    assert configured["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"] is True
    forced = ok(root.patch(f"{path}/api", {"forceNewDeployment": True}, format="json"))
    assert forced["currentServiceDeployment"] != made["currentServiceDeployment"]
    assert Deployment.objects.count() == 2

    error = error_of(root.delete(f"{path}/api"), 400, "InvalidParameterException")
    assert error["fields"] == {"force": "scale to 0 first, or use force"}
    assert ok(root.delete(f"{path}/api?force=true"))["status"] == "DRAINING"
    error_of(root.patch(f"{path}/api", {"desiredCount": 1}, format="json"), 409, "ServiceNotActiveException")


def test_an_unsupported_member_of_a_nested_document_is_named(world: World, root: APIClient) -> None:
    before = rows()
    body = {"deploymentConfiguration": {"bakeTimeInMinutes": 5}}
    error = error_of(root.patch(WEB, body, format="json"), 400, "UnsupportedFeatureException")
    assert error["fields"] == {"deploymentConfiguration.bakeTimeInMinutes": "not supported"}
    assert rows() == before


def test_an_operator_scales_and_may_not_delete(world: World, client_of: Any) -> None:
    operator = client_of("olga", "operator")
    assert ok(operator.patch(WEB, {"desiredCount": 3}, format="json"))["desiredCount"] == 3
    error = error_of(operator.delete(f"{WEB}?force=true"), 403, "AccessDeniedException")
    assert (error["action"], error["resource"]) == (
        "ecs:DeleteService",
        here.service_arn("production", "web"),
    )
    assert Service.objects.get(name="web").status == "ACTIVE"


# ---- rollback ----------------------------------------------------------------------------------


def test_in_mid_deployment_a_rollback_stops_it(world: World, root: APIClient) -> None:
    preview = ok(root.get(f"{WEB}/rollback"))
    assert preview["stopsDeployment"] == world.deployment.arn
    assert preview["target"]["taskDefinition"] == here.task_definition_arn("web", 12)
    assert preview["current"]["taskDefinition"] == here.task_definition_arn("web", 13)
    changes = {change["path"]: (change["before"], change["after"]) for change in preview["changes"]}
    assert changes["containerDefinitions[web].image"] == ("web:4f1c9e2", "web:9a3d0b1")
    assert preview["desiredCount"] == 2
    answered = ok(root.post(f"{WEB}/rollback", format="json"), 201)
    assert answered["serviceDeploymentArn"] == world.deployment.arn
    assert answered["status"] == "ROLLBACK_REQUESTED"
    assert answered["rollback"]["serviceRevisionArn"] == world.revisions[12].arn
    assert AuditRecord.objects.latest("id").action == "ecs:StopServiceDeployment"
    error_of(
        root.post(f"/api/v1/deployments/{world.deployment.pk}/stop", {}, format="json"),
        409,
        "ConflictException",
    )


def test_afterwards_it_is_a_deployment_of_the_frozen_revision(db: None, root: APIClient) -> None:
    world = factories.world(tasks=2, healthy=2, quiet=True)
    preview = ok(root.get(f"{WEB}/rollback"))
    assert preview["stopsDeployment"] is None
    assert preview["target"]["taskDefinition"] == here.task_definition_arn("web", 10)
    answered = ok(root.post(f"{WEB}/rollback", {}, format="json"), 201)
    assert (answered["isRollback"], answered["status"]) == (True, "PENDING")
    assert answered["targetServiceRevision"]["serviceRevisionArn"] == world.revisions[10].arn
    assert ok(root.get(WEB))["desiredCount"] == 2


def test_a_rollback_goes_where_it_is_told(world: World, root: APIClient) -> None:
    number = world.revisions[10].number
    preview = ok(root.get(f"{WEB}/rollback?to={number}"))
    assert preview["target"]["serviceRevisionArn"] == world.revisions[10].arn
    answered = ok(root.post(f"{WEB}/rollback", {"to": str(number)}, format="json"), 201)
    assert answered["targetServiceRevision"]["taskDefinition"] == here.task_definition_arn("web", 10)
    world.deployment.refresh_from_db()
    assert world.deployment.status == "STOPPED"
    error_of(root.get(f"{WEB}/rollback?to=99"), 404)


def test_nothing_to_roll_back_to(root: APIClient) -> None:
    owner = factories.cluster("production")
    of = factories.service(owner, "web")
    factories.deployment(factories.service_revision(of, factories.definition("web")))
    for response in (root.get(f"{WEB}/rollback"), root.post(f"{WEB}/rollback", {}, format="json")):
        assert "no other completed revision" in error_of(response, 400, "ClientException")["message"]


def test_a_stranger_learns_nothing_by_rolling_back(world: World, client_of: Any) -> None:
    eve = client_of("eve")
    there = error_of(eve.post(f"{WEB}/rollback", {}, format="json"), 403)
    absent = error_of(eve.post(f"{WEB}-absent/rollback", {}, format="json"), 403)
    assert absent["message"] == there["message"].replace("/web ", "/web-absent ")


# ---- tasks and tags ----------------------------------------------------------------------------


def test_a_standalone_task_runs_once_and_is_stopped(world: World, root: APIClient) -> None:
    body = {
        "taskDefinition": "web:13",
        "count": 2,
        "startedBy": "ci",
        "tags": {"run": "7"},
        "clientToken": "once",
    }
    ran = ok(root.post("/api/v1/clusters/production/tasks", body, format="json"))
    assert ran["failures"] == [] and len(ran["tasks"]) == 2
    task = ran["tasks"][0]
    assert (task["startedBy"], task["group"], task["tags"], task["serviceArn"]) == (
        "ci",
        "family:web",
        {"run": "7"},
        None,
    )
    assert [container["name"] for container in task["containers"]] == ["web"]
    again = ok(root.post("/api/v1/clusters/production/tasks", body, format="json"))
    assert {one["taskId"] for one in again["tasks"]} == {one["taskId"] for one in ran["tasks"]}
    url = f"/api/v1/clusters/production/tasks/{task['taskId']}"
    assert ok(root.post(f"{url}/stop", {"reason": "stuck"}, format="json"))["desiredStatus"] == "STOPPED"
    assert Task.objects.get(pk=task["taskId"]).stop_code == "UserInitiated"


def test_no_room_is_answered_not_raised(world: World, root: APIClient) -> None:
    ContainerInstance.objects.update(status="DRAINING")
    ran = ok(root.post("/api/v1/clusters/production/tasks", {"taskDefinition": "web:13"}, format="json"))
    assert ran["tasks"] == [] and len(ran["failures"]) == 1


def test_a_stopped_task_tells_why(world: World, reader: APIClient) -> None:
    shown = ok(reader.get(f"/api/v1/clusters/production/tasks/{world.failed[0].pk}"))
    assert (shown["lastStatus"], shown["stopCode"]) == ("STOPPED", "EssentialContainerExited")
    assert shown["containers"][0]["exitCode"] == 1
    error_of(reader.get(f"/api/v1/clusters/default/tasks/{world.failed[0].pk}"), 404)


def test_tags_come_and_go(world: World, root: APIClient) -> None:
    arn = here.service_arn("production", "web")
    given = {"resourceArn": arn, "tags": {"a": "1", "b": "2", "c": "3"}}
    assert ok(root.post("/api/v1/tags", given, format="json"))["tags"] == given["tags"]
    left = ok(root.delete(f"/api/v1/tags?resourceArn={arn}&tagKeys=a&tagKeys=b"))
    assert left == {"tags": {"c": "3"}} == ok(root.get(f"/api/v1/tags?resourceArn={arn}"))
    assert ok(root.get(WEB))["tags"] == {"c": "3"}


# ---- people ------------------------------------------------------------------------------------


def test_a_user_is_made_and_gets_powers_by_a_group(world: World, root: APIClient, client_of: Any) -> None:
    body = {
        "username": "jonas",
        "displayName": "Jonas",
        "password": "a long pass phrase",
        "groups": ["operator"],
    }
    made = root.post("/api/v1/users", body, format="json")
    assert ok(made, 201)["groups"] == ["operator"]
    assert "pass phrase" not in made.content.decode()
    issued = ok(root.post("/api/v1/users/jonas/tokens", {"name": "ci"}, format="json"), 201)
    jonas = APIClient()
    jonas.credentials(HTTP_AUTHORIZATION=f"Bearer {issued['secret']}")
    error_of(jonas.delete(f"{WEB}?force=true"), 403)
    assert root.put("/api/v1/groups/administrator/members/jonas").status_code == 204
    assert jonas.delete(f"{WEB}?force=true").status_code == 200
    assert ok(root.post("/api/v1/users/jonas/deactivate", format="json"))["isActive"] is False
    error_of(jonas.get("/api/v1/me"), 401)


def test_the_last_administrator_stays(root: APIClient) -> None:
    error_of(root.delete("/api/v1/groups/administrator/members/root"), 409, "ConflictException")
    error_of(root.delete("/api/v1/groups/administrator"), 409)
    assert ok(root.get("/api/v1/me"))["groups"] == ["administrator"]


def test_a_malformed_policy_is_refused_with_each_place(root: APIClient) -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Resource": "*"}],
    }
    error = error_of(
        root.put("/api/v1/policies/mine", {"document": document}, format="json"),
        400,
        "MalformedPolicyDocument",
    )
    assert all(path.startswith("document.Statement[0]") for path in error["fields"]) and error["fields"]
