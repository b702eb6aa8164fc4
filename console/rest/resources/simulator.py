"""The policy simulator."""

from __future__ import annotations

from console.rest.actions import Action, Endpoint
from console.rest.shapes.simulation import SimulationShape, as_simulation

_SIMULATOR = "Policy simulator"
_ASKED = {
    "actions": ["ecs:UpdateService"],
    "resources": ["arn:aws:ecs:us-east-1:123456789012:service/shop/web"],
}

ENDPOINTS = [
    Endpoint(
        "simulations/principal",
        _SIMULATOR,
        POST=Action(
            "simulate_principal_policy",
            SimulationShape,
            prepare=as_simulation,
            example={
                "principal": "arn:aws:iam::123456789012:user/amina",
                **_ASKED,
                "context": {"aws:MultiFactorAuthPresent": True},
            },
        ),
    ),
    Endpoint(
        "simulations/custom",
        _SIMULATOR,
        POST=Action(
            "simulate_custom_policy",
            SimulationShape,
            prepare=as_simulation,
            example={
                "policyDocuments": [
                    {
                        "Version": "2012-10-17",
                        "Statement": [{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}],
                    }
                ],
                **_ASKED,
            },
        ),
    ),
]
