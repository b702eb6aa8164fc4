"""Secrets Manager, and the parameters of Systems Manager."""

from __future__ import annotations

import base64
import json
from typing import Any

from access.caller import Caller
from access.registry import call
from base import tags as tag_rules
from base.errors import InvalidParameter
from console.aws.handlers import Paging, answers, listing, mechanical
from vault.models import Parameter, Secret, SecretVersion
from vault.operations import DeletedSecret
from vault.parameter_queries import ParameterValue, ParameterValues, PastValue
from vault.policies import SecretPolicy
from vault.queries import SecretValue

Document = dict[str, Any]
_PAGES = Paging("MaxResults", "NextToken", "NextToken")
_BLOB = {"SecretBinary": lambda value: base64.b64encode(value).decode()}


def _tag_list(tags: dict[str, str]) -> list[Document]:
    return [{"Key": item["key"], "Value": item["value"]} for item in tag_rules.to_list(tags)]


def _nothing(result: Any) -> Document:
    return {}


# ---- secrets ---------------------------------------------------------------------------------------


def _stages(row: Secret) -> dict[str, list[str]]:
    found = {
        version.version_id: sorted(str(stage) for stage in version.stages.all())
        for version in row.versions.prefetch_related("stages")
    }
    return {version: stages for version, stages in found.items() if stages}


def _current(row: Secret) -> str | None:
    return next((version for version, stages in _stages(row).items() if "AWSCURRENT" in stages), None)


def _written(row: Secret) -> Document:
    return {"ARN": row.arn, "Name": row.name, "VersionId": _current(row)}


def _secret(row: Secret) -> Document:
    return {
        "ARN": row.arn,
        "Name": row.name,
        "Description": row.description or None,
        "LastChangedDate": row.changed_at,
        "CreatedDate": row.created_at,
        "DeletedDate": row.deleted_at,
        "Tags": _tag_list(row.tags),
        "VersionIdsToStages": _stages(row),
        "SecretVersionsToStages": _stages(row),
    }


def _value(found: SecretValue) -> Document:
    return {
        "ARN": found.arn,
        "Name": found.name,
        "VersionId": found.version_id,
        "VersionStages": found.version_stages,
        "CreatedDate": found.created_at,
        "SecretString": found.secret_string,
        "SecretBinary": base64.b64decode(found.secret_binary) if found.secret_binary is not None else None,
    }


def _version(row: SecretVersion) -> Document:
    return {
        "ARN": row.secret.arn,
        "Name": row.secret.name,
        "VersionId": row.version_id,
        "VersionStages": sorted(str(stage) for stage in row.stages.all()),
    }


def _deleted(found: DeletedSecret) -> Document:
    return {"ARN": found.arn, "Name": found.name, "DeletionDate": found.deletion_date}


def _policy(found: SecretPolicy) -> Document:
    document = found.resource_policy
    text = json.dumps(document) if document is not None else None
    return {"ARN": found.arn, "Name": found.name, "ResourcePolicy": text}


def _read_policy(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidParameter("The policy is not JSON.", code="MalformedPolicyDocumentException") from None


_S = "secretsmanager"
mechanical(_S, "CreateSecret", _written, convert=_BLOB)
mechanical(_S, "UpdateSecret", _written, convert=_BLOB)
mechanical(_S, "PutSecretValue", _version, convert=_BLOB)
mechanical(_S, "GetSecretValue", _value)
mechanical(_S, "DescribeSecret", _secret)
mechanical(_S, "DeleteSecret", _deleted)
mechanical(_S, "RestoreSecret", lambda row: {"ARN": row.arn, "Name": row.name})
mechanical(_S, "UpdateSecretVersionStage", lambda row: {"ARN": row.arn, "Name": row.name})
mechanical(_S, "TagResource", _nothing, call="tag_secret")
mechanical(_S, "UntagResource", _nothing, call="untag_secret")
mechanical(_S, "GetResourcePolicy", _policy)
mechanical(
    _S,
    "PutResourcePolicy",
    lambda found: {"ARN": found.arn, "Name": found.name},
    convert={"ResourcePolicy": _read_policy},
)
mechanical(_S, "DeleteResourcePolicy", lambda found: {"ARN": found.arn, "Name": found.name})
listing(_S, "ListSecrets", "SecretList", order=["name"], item=_secret, paging=_PAGES)


@answers(_S, "ListSecretVersionIds", "list_secret_version_ids")
def list_secret_version_ids(caller: Caller, *, SecretId: str, IncludeDeprecated: bool = False) -> Document:
    rows = call("list_secret_version_ids", caller, secret_id=SecretId, include_deprecated=IncludeDeprecated)
    secret = call("describe_secret", caller, secret_id=SecretId)
    versions = [
        {
            "VersionId": row.version_id,
            "VersionStages": sorted(str(stage) for stage in row.stages.all()),
            "CreatedDate": row.created_at,
        }
        for row in rows
    ]
    return {"ARN": secret.arn, "Name": secret.name, "Versions": versions}


# ---- parameters ------------------------------------------------------------------------------------


def _parameter(found: ParameterValue) -> Document:
    return {
        "Name": found.name,
        "ARN": found.arn,
        "Type": found.type,
        "Value": found.value,
        "Version": found.version,
        "Selector": found.selector or None,
        "DataType": found.data_type,
        "LastModifiedDate": found.modified_at,
    }


def _parameters(found: ParameterValues) -> Document:
    return {
        "Parameters": [_parameter(one) for one in found.parameters],
        "InvalidParameters": list(found.invalid_parameters),
    }


def _described(row: Parameter) -> Document:
    return {
        "Name": row.name,
        "ARN": row.arn,
        "Type": row.type,
        "Description": row.description or None,
        "AllowedPattern": row.allowed_pattern or None,
        "Tier": row.tier,
        "DataType": row.data_type,
        "Version": row.version,
        "LastModifiedDate": row.modified_at,
        "LastModifiedUser": row.modified_by or None,
    }


def _past(one: PastValue, name: str) -> Document:
    return {
        "Name": name,
        "Type": one.type,
        "Value": one.value,
        "Version": one.version,
        "Labels": list(one.labels),
        "Description": one.description or None,
        "LastModifiedDate": one.modified_at,
        "LastModifiedUser": one.modified_by or None,
    }


mechanical("ssm", "GetParameter", lambda found: {"Parameter": _parameter(found)})
mechanical("ssm", "GetParameters", _parameters)
mechanical("ssm", "GetParametersByPath", lambda found: {"Parameters": _parameters(found)["Parameters"]})
mechanical("ssm", "PutParameter", lambda row: {"Version": row.version, "Tier": row.parameter.tier})
mechanical("ssm", "DeleteParameter", _nothing)
mechanical("ssm", "LabelParameterVersion", lambda row: {"InvalidLabels": [], "ParameterVersion": row.version})
listing(
    "ssm", "DescribeParameters", "Parameters", order=["name"], item=_described, paging=_PAGES, sizes=(50, 50)
)


@answers("ssm", "GetParameterHistory", "get_parameter_history")
def get_parameter_history(caller: Caller, *, Name: str, WithDecryption: bool = False) -> Document:
    found = call("get_parameter_history", caller, name=Name, with_decryption=WithDecryption)
    return {"Parameters": [_past(one, Name) for one in found]}
