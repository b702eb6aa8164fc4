"""The policy simulator: see tests.db.rest.cases."""

from __future__ import annotations

from tests.db.rest.case import Case

_DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]}
WRITES = [
    Case(
        "POST",
        "simulations/principal",
        200,
        {"principal": "arn:aws:iam::123456789012:user/amina", "actions": ["ecs:ListClusters"]},
        {"principal": "arn:aws:iam::123456789012:user/amina", "actions": ["ecs:*"]},
        "actions[0]",
    ),
    Case(
        "POST",
        "simulations/custom",
        200,
        {
            "policyDocuments": [_DOCUMENT],
            "actions": ["ecs:ListClusters"],
            "resourcePolicy": {
                "Version": "2012-10-17",
                "Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"},
            },
            "principal": "arn:aws:iam::123456789012:user/amina",
            "boundaryDocument": _DOCUMENT,
            "context": {"aws:SourceIp": "10.0.0.1"},
        },
        {"policyDocuments": [_DOCUMENT], "actions": ["ListClusters"]},
        "actions[0]",
    ),
]
