"""docs/aws-compatibility.md: every operation and parameter of the services that are answered, from AWS's models and
what is registered here. `manage.py aws_compatibility` prints it, a test holds the page to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from console.aws import faces  # noqa: F401 - registers what answers
from console.aws.errors import unsupported
from console.aws.handlers import NEUTRAL, handler
from console.aws.models import SERVED, Operation, Service, service
from services.taskdef.fields import DOCUMENT
from services.taskdef.schema import Refused

_HEAD = """# What works of AWS's APIs

Made by `manage.py aws_compatibility > docs/aws-compatibility.md` from AWS's own service models (botocore {version})
and what is registered here; a test holds the page to them.

Point any client at the console's address and give it an access key:

    export AWS_ENDPOINT_URL=http://127.0.0.1:8000 AWS_REGION=us-east-1
    export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...
    aws ecs list-clusters

A parameter that **works** has its effect; a value of it that this release cannot do is refused by name. What is
**refused** is refused before anything is done, with the error of its row, naming what is missing. Refused parameters
are taken where they ask for nothing: `false`, empty, {neutral}. Requests are checked against the model first: a wrong
type is `SerializationException`, a missing or malformed member `InvalidParameterException` (IAM and STS:
`ValidationError`).

`aws ecs execute-command` needs AWS's session-manager-plugin, which speaks a protocol of its own: ExecuteCommand answers
a session (`streamUrl`, `tokenValue`) that the console's terminal, or any WebSocket client, opens instead.
"""

_TITLES = {
    "ecs": "Amazon ECS",
    "iam": "IAM",
    "sts": "STS",
    "secretsmanager": "Secrets Manager",
    "ssm": "Systems Manager, parameters",
}


def page() -> str:
    """The whole document."""
    import botocore

    neutral = ", ".join(
        f"`{name}: {value}`"
        for name, values in sorted(NEUTRAL.items())
        for value in values
        if not name[0].isupper()
    ).replace("'", '"')
    parts = [_HEAD.format(version=botocore.__version__, neutral=neutral)]
    for name in SERVED:
        parts += _service(service(name))
    return "\n".join(parts).rstrip() + "\n"


def _service(one: Service) -> Iterator[str]:
    known = {name: handler(one.name, name) for name in one.operations}
    works = [one.operations[name] for name, found in known.items() if found is not None and not found.refuses]
    yield f"## {_TITLES[one.name]}\n"
    yield f"{len(works)} of {len(known)} operations work.\n"
    if works:
        yield "| operation | works | refused |\n|---|---|---|"
        yield "\n".join(_row(operation) for operation in works) + "\n"
    if one.name == "ecs":
        yield f"Within task definitions are refused: {_fields()}.\n"
    refused: dict[str, list[str]] = defaultdict(list)
    for name, found in known.items():
        if found is None or found.refuses:
            code = found.refuses if found is not None else unsupported("", one.operations[name]).code
            refused[code].append(f"`{name}`")
    for code, names in sorted(refused.items()):
        yield f"Refused with `{code}`: {', '.join(names)}.\n"


def _row(operation: Operation) -> str:
    found = handler(operation.service.name, operation.name)
    assert found is not None
    takes = found.taken(operation)
    if operation.name == "RegisterTaskDefinition":
        takes -= {name for name, kind in DOCUMENT.fields.items() if isinstance(kind, Refused)}
    works = [f"`{name}`" for name in operation.members if name in takes]
    refused = [f"`{name}`" for name in operation.members if name not in takes]
    code = f" ({unsupported('', operation).code})" if refused else ""
    return f"| `{operation.name}` | {', '.join(works)} | {', '.join(refused)}{code} |"


def _fields() -> str:
    """Members of containers that a task definition cannot have."""
    containers = DOCUMENT.fields["containerDefinitions"].kind.item  # type: ignore[union-attr]
    names = [
        f"containerDefinitions[].{name}"
        for name, kind in containers.fields.items()
        if isinstance(kind, Refused)
    ]
    return ", ".join(f"`{name}`" for name in names)
