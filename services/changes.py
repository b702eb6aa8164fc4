"""What differs between two service revisions: documents, the images behind their names, and the configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.models import ServiceRevision
from services.taskdef.diff import Change, diff

_STRATEGY = {"spread": "spread over", "binpack": "binpack by", "random": "random"}


def revision_changes(before: ServiceRevision, after: ServiceRevision) -> list[Change]:
    """The differences, as `services.taskdef.diff` tells those of documents. The family is told by its name, the
    revision's number not at all: a new number alone changes nothing that runs."""
    changes = diff(before.task_definition.document, after.task_definition.document)
    return [*_digests(before, after, changes), *changes, *_configuration(before, after)]


def _digests(before: ServiceRevision, after: ServiceRevision, told: list[Change]) -> list[Change]:
    """Images whose name stayed while the name has come to mean another image."""
    renamed = {change.path for change in told}
    found = []
    for container in after.task_definition.containers:
        name = container["name"]
        if f"containerDefinitions[{name}].image" in renamed or f"containerDefinitions[{name}]" in renamed:
            continue
        old, new = _digest(before.images.get(name)), _digest(after.images.get(name))
        if old and new and old != new:
            several = len(after.task_definition.containers) > 1
            label = f"{name}: Image digest" if several else "Image digest"
            change = Change(f"images[{name}]", label, old, new, "changed", "Image digest")
            found.append(replace(change, container=name if several else ""))
    return found


def _digest(pinned: Mapping[str, Any] | None) -> str:
    """`sha256:9a3d0b17c2e4`, as short as engines show it; "" where it is not known (yet)."""
    text = str((pinned or {}).get("digest") or (pinned or {}).get("pin") or "").rpartition("@")[2]
    kind, colon, rest = text.partition(":")
    return f"{kind}:{rest[:12]}" if colon else text[:12]


def _configuration(before: ServiceRevision, after: ServiceRevision) -> list[Change]:
    old, new = configuration_facts(before.configuration), configuration_facts(after.configuration)
    return [
        Change(
            f"configuration.{term}",
            term,
            old.get(term),
            new.get(term),
            _kind(old.get(term), new.get(term)),
            term,
        )
        for term in dict.fromkeys([*old, *new])
        if old.get(term) != new.get(term)
    ]


def _kind(old: str | None, new: str | None) -> Any:
    return "added" if old is None else "removed" if new is None else "changed"


def configuration_facts(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Term to text of what a service revision freezes beside its task definition; what is not set is left out."""
    network = (configuration.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    found = {
        "Launch type": str(configuration.get("launchType") or ""),
        "Capacity providers": ", ".join(map(_provider, configuration.get("capacityProviderStrategy") or [])),
        "Subnets": ", ".join(network.get("subnets", [])),
        "Security groups": ", ".join(network.get("securityGroups", [])),
        "Placement": ", ".join(map(_strategy, configuration.get("placementStrategy") or [])),
        "Placement constraints": ", ".join(
            f"{c.get('type')} {c.get('expression', '')}".strip()
            for c in configuration.get("placementConstraints") or []
        ),
    }
    told = {
        "launchType", "capacityProviderStrategy", "networkConfiguration", "placementStrategy", "placementConstraints",
    }  # fmt: skip
    others = {
        key: json.dumps(value, sort_keys=True) for key, value in configuration.items() if key not in told
    }
    return {term: text for term, text in {**found, **others}.items() if text}


def _provider(item: Mapping[str, Any]) -> str:
    parts = [f"{name} {item[name]}" for name in ("base", "weight") if item.get(name)]
    return (
        f"{item.get('capacityProvider')} ({', '.join(parts)})" if parts else str(item.get("capacityProvider"))
    )


def _strategy(item: Mapping[str, Any]) -> str:
    return f"{_STRATEGY.get(item.get('type', ''), item.get('type', ''))} {item.get('field', '')}".strip()
