"""Secrets and parameters.

Their names may hold slashes, so one of them is named in the query or the body, not in the path.
"""

from __future__ import annotations

from console.rest.actions import Action, Endpoint, Filter, Listing
from console.rest.shapes.vault import (
    DeletedSecretShape,
    ParameterHistoryShape,
    ParameterShape,
    ParameterValueShape,
    ParameterValuesShape,
    ParameterVersionShape,
    RotationShape,
    SecretPolicyShape,
    SecretShape,
    SecretValueShape,
    SecretVersionShape,
    as_history,
)
from vault.models import Parameter
from vault.parameter_operations import TIERS

_SECRETS = "Secrets"
_PARAMETERS = "Parameters"
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:role/ecs-execution"},
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "*",
        }
    ],
}

ENDPOINTS = [
    Endpoint(
        "secrets",
        _SECRETS,
        GET=Listing(
            "list_secrets",
            SecretShape,
            filters={"name": Filter("name__icontains", "Part of its name.")},
            orders={"name": ("name",), "lastChangedAt": ("changed_at",), "createdAt": ("created_at",)},
            order="name",
        ),
        POST=Action(
            "create_secret",
            SecretShape,
            status=201,
            example={"name": "shop/database", "secretString": '{"username": "shop", "password": "..."}'},
        ),
    ),
    Endpoint(
        "secret",
        _SECRETS,
        GET=Action("describe_secret", SecretShape),
        PATCH=Action(
            "update_secret",
            SecretShape,
            example={"secretId": "shop/database", "description": "The shop's database"},
        ),
        DELETE=Action("delete_secret", DeletedSecretShape),
    ),
    Endpoint(
        "secret/value",
        _SECRETS,
        GET=Action("get_secret_value", SecretValueShape),
        PUT=Action(
            "put_secret_value",
            SecretVersionShape,
            example={"secretId": "shop/database", "secretString": "..."},
        ),
    ),
    Endpoint(
        "secret/versions",
        _SECRETS,
        GET=Listing(
            "list_secret_version_ids",
            SecretVersionShape,
            orders={"createdAt": ("created_at",)},
            order="-createdAt",
        ),
    ),
    Endpoint(
        "secret/stage",
        _SECRETS,
        PUT=Action(
            "update_secret_version_stage",
            SecretShape,
            example={
                "secretId": "shop/database",
                "versionStage": "AWSCURRENT",
                "moveToVersionId": "6f7c2b1e-0f2c-4a55-9d55-5d1c7a3d9e10",
                "removeFromVersionId": "1b0a7c9e-5f55-4c1e-8f0b-0a8a1c2d3e4f",
            },
        ),
    ),
    Endpoint(
        "secret/restore",
        _SECRETS,
        POST=Action("restore_secret", SecretShape, example={"secretId": "shop/database"}),
    ),
    Endpoint(
        "secret/rotation",
        _SECRETS,
        PUT=Action(
            "rotate_secret",
            RotationShape,
            example={
                "secretId": "shop/database",
                "rotationHook": "https://rotate.example.com/shop?key=...",
                "rotationRules": {"AutomaticallyAfterDays": 30},
            },
        ),
        DELETE=Action("cancel_rotate_secret", SecretShape),
    ),
    Endpoint(
        "secret/policy",
        _SECRETS,
        GET=Action("get_resource_policy", SecretPolicyShape),
        PUT=Action(
            "put_resource_policy",
            SecretPolicyShape,
            example={"secretId": "shop/database", "resourcePolicy": _POLICY},
        ),
        DELETE=Action("delete_resource_policy", SecretPolicyShape),
    ),
    Endpoint(
        "secret/tags",
        _SECRETS,
        POST=Action("tag_secret", example={"secretId": "shop/database", "tags": {"team": "shop"}}),
        DELETE=Action("untag_secret"),
    ),
    Endpoint(
        "parameters",
        _PARAMETERS,
        GET=Listing(
            "describe_parameters",
            ParameterShape,
            filters={
                "name": Filter("name__icontains", "Part of its name."),
                "type": Filter("type", "Its type.", tuple(Parameter.Type.values)),
            },
            orders={"name": ("name",), "lastModifiedAt": ("modified_at",)},
            order="name",
        ),
        POST=Action(
            "put_parameter",
            ParameterVersionShape,
            words={"type": tuple(Parameter.Type.values), "tier": tuple(TIERS)},
            example={"name": "/shop/log-level", "type": "String", "value": "info"},
        ),
    ),
    Endpoint(
        "parameter",
        _PARAMETERS,
        GET=Action("describe_parameter", ParameterShape),
        DELETE=Action("delete_parameter"),
    ),
    Endpoint("parameter/value", _PARAMETERS, GET=Action("get_parameter", ParameterValueShape)),
    Endpoint("parameters/values", _PARAMETERS, GET=Action("get_parameters", ParameterValuesShape)),
    Endpoint("parameters/below", _PARAMETERS, GET=Action("get_parameters_by_path", ParameterValuesShape)),
    Endpoint(
        "parameter/history",
        _PARAMETERS,
        GET=Action("get_parameter_history", ParameterHistoryShape, prepare=as_history),
    ),
    Endpoint(
        "parameter/labels",
        _PARAMETERS,
        PUT=Action(
            "label_parameter_version",
            ParameterVersionShape,
            example={"name": "/shop/log-level", "labels": ["live"]},
        ),
    ),
    Endpoint(
        "parameter/tags",
        _PARAMETERS,
        POST=Action("tag_parameter", example={"name": "/shop/log-level", "tags": {"team": "shop"}}),
        DELETE=Action("untag_parameter"),
    ),
]
