"""The deployment controllers of services: which there are, and what goes with EXTERNAL.

An EXTERNAL service has a name, a desired count, rules of placement; all the rest is its task sets'. Source: API
reference of CreateService and UpdateService, and "Deploy Amazon ECS services using a third-party controller".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from base.errors import invalid, invalid_fields, unsupported
from services.models import EXTERNAL, Service

ECS = "ECS"
_OF_THE_SETS = "not with the deployment controller EXTERNAL: it is given with each task set"
_NEVER = "not with the deployment controller EXTERNAL"


def checked(given: object) -> str:
    """The type of a deploymentController (AWS form); ECS where there is none."""
    if given is None:
        return ECS
    if not isinstance(given, Mapping) or set(given) != {"type"}:
        raise invalid("deploymentController", "an object with the one member type")
    if given["type"] == "CODE_DEPLOY":
        raise unsupported("deploymentController CODE_DEPLOY", "Use ECS or EXTERNAL.")
    if given["type"] not in (ECS, EXTERNAL):
        raise invalid("deploymentController.type", "ECS or EXTERNAL")
    return str(given["type"])


def check_unchanged(service: Service, given: object) -> None:
    """UpdateService may name the controller that the service has."""
    if given is not None and checked(given) != service.deployment_controller:
        raise unsupported("Changing deploymentController", "Create another service.")


def check_creation(**given: Any) -> None:
    """`given`: parameters of CreateService by AWS's names. Raises InvalidParameterException naming those that do not go
    with EXTERNAL."""
    of_the_sets = ("taskDefinition", "launchType", "capacityProviderStrategy", "networkConfiguration")
    problems = {name: _OF_THE_SETS for name in of_the_sets if given.get(name)}
    if given.get("deploymentConfiguration"):
        problems["deploymentConfiguration"] = f"{_NEVER}: nothing is rolled out by Slipway"
    if given.get("schedulingStrategy") == "DAEMON":
        problems["schedulingStrategy"] = f"DAEMON {_NEVER}"
    if given.get("availabilityZoneRebalancing") == "ENABLED":
        problems["availabilityZoneRebalancing"] = f"ENABLED {_NEVER}"
    if problems:
        raise invalid_fields(problems)


def check_update(**given: Any) -> None:
    """The same of UpdateService: the desired count, placement, the grace period and propagated tags may be changed."""
    of_the_sets = ("taskDefinition", "capacityProviderStrategy", "networkConfiguration")
    never = ("deploymentConfiguration", "forceNewDeployment", "fromRevision", "enableExecuteCommand")
    problems = {name: _OF_THE_SETS for name in of_the_sets if given.get(name)}
    problems |= {name: _NEVER for name in never if given.get(name) not in (None, False, {})}
    if given.get("availabilityZoneRebalancing") == "ENABLED":
        problems["availabilityZoneRebalancing"] = f"ENABLED {_NEVER}"
    if problems:
        raise invalid_fields(problems)
