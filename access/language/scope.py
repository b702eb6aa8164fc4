"""What a group is held to: ARN patterns that its Allow statements must also match. Standard library only.

A cluster stands for everything in it, a service for its deployments, revisions and tasks. Reading reaches upwards: who
is held to a service may read its cluster too, and may list (a list shows only what its reader may see).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from access.language.implied import IN_CLUSTER, IN_DAEMON, IN_SERVICE
from access.language.matching import Context, Matcher, compile_patterns
from access.policy import is_read

_LISTING = "*"
"""The resource of an action that has none, such as ecs:ListClusters."""


@dataclass(frozen=True, slots=True)
class GroupScope:
    """Build it with `compile_scope`. Implements access.policy.Scope."""

    patterns: tuple[str, ...]
    inside: Matcher
    above: Matcher
    """What may be read besides: the clusters of the services listed."""

    def covers(
        self, action: str, resource: str, owners: Sequence[str], context: Callable[[], Context]
    ) -> bool:
        if self._inside(resource) or any(self._inside(owner) for owner in owners):
            return self._cluster_inside(resource, context)
        return is_read(action) and (resource == _LISTING or self.above.matches(resource, _none))

    def _inside(self, arn: str) -> bool:
        return self.inside.matches(arn, _none)

    def _cluster_inside(self, resource: str, context: Callable[[], Context]) -> bool:
        """A task definition belongs to no cluster: running it in one needs that cluster in the scope as well."""
        if _kind(resource) not in ("task-definition", "daemon-task-definition"):
            return True
        cluster = context().get("ecs:cluster")
        return not isinstance(cluster, str) or self._inside(cluster)


def _none() -> Context:
    return {}


def compile_scope(patterns: Iterable[str]) -> GroupScope | None:
    """None (everywhere) when there is no pattern. Patterns are ARNs with `*` and `?`."""
    listed = tuple(patterns)
    return _compile(listed) if listed else None


@lru_cache(maxsize=1024)
def _compile(patterns: tuple[str, ...]) -> GroupScope:
    inside = [widened for pattern in patterns for widened in widen(pattern)]
    above = [cluster for pattern in patterns if (cluster := _cluster_of(pattern)) is not None]
    return GroupScope(patterns, compile_patterns(inside), compile_patterns(above))


def widen(pattern: str) -> list[str]:
    """A pattern with those of everything that belongs to what it names."""
    head, resource = _parts(pattern)
    kind, _, rest = resource.partition("/")
    if kind == "cluster" and rest:
        return [pattern, *(f"{head}{inner}/{rest}/*" for inner in IN_CLUSTER)]
    if kind == "service" and rest:
        return [pattern, *(f"{head}{inner}/{rest}/*" for inner in IN_SERVICE)]
    if kind == "daemon" and rest:
        return [pattern, *(f"{head}{inner}/{rest}/*" for inner in IN_DAEMON)]
    return [pattern]


def _kind(arn: str) -> str:
    return arn.split(":", 5)[-1].partition("/")[0]


def _cluster_of(pattern: str) -> str | None:
    head, resource = _parts(pattern)
    kind, _, rest = resource.partition("/")
    cluster, _, name = rest.partition("/")
    return f"{head}cluster/{cluster}" if kind in IN_CLUSTER and cluster and name else None


def _parts(pattern: str) -> tuple[str, str]:
    """("arn:aws:ecs:region:account:", "service/default/web"); ("", "") for anything else."""
    parts = pattern.split(":", 5)
    return (":".join(parts[:5]) + ":", parts[5]) if len(parts) == 6 else ("", "")


def checked_scope(patterns: object) -> dict[str, str]:
    """What is wrong with a scope before it is kept: place to reason; empty when nothing is."""
    if not isinstance(patterns, list | tuple):
        return {"scope": "must be a list of ARN patterns"}
    problems: dict[str, str] = {}
    for index, pattern in enumerate(patterns):
        if not isinstance(pattern, str) or not pattern.startswith("arn:") or pattern.count(":") < 5:
            problems[f"scope[{index}]"] = (
                f'"{pattern}" is not an ARN pattern such as "arn:aws:ecs:*:*:service/default/web"; empty: everywhere'
            )
    return problems
