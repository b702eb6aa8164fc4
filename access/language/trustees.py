"""The Principal and NotPrincipal elements: whom a resource's or a trust policy speaks of. Standard library only.

Source: IAM User Guide, "AWS JSON policy elements: Principal", "... NotPrincipal" and "Policy evaluation logic".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from access.language.matching import Value

ACCOUNT_ID = re.compile(r"[0-9]{12}")
_AWS_ARN = re.compile(
    r"arn:aws:(iam::(?P<iam>[0-9]{12}):(root|user/.+|role/.+)"
    r"|sts::(?P<sts>[0-9]{12}):(assumed-role/[^/]+/.+|federated-user/.+))"
)
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com|amazon\.com)")
_KINDS = ("AWS", "Service", "Federated")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `arn`: a user's or a role session's; `role`: the session's role; or a `service`; or `federated`.

    `account` is the twelve digits of the principal's account ("" for a service).
    """

    arn: str = ""
    account: str = ""
    role: str = ""
    service: str = ""
    federated: str = ""

    @property
    def root(self) -> str:
        return f"arn:aws:iam::{self.account}:root" if self.account else ""

    def names(self) -> frozenset[str]:
        """Every name this principal counts as."""
        aws = (f"AWS {arn}" for arn in (self.arn, self.role, self.root) if arn)
        service = (f"Service {self.service}",) if self.service else ()
        federated = (f"Federated {self.federated}",) if self.federated else ()
        return frozenset((*aws, *service, *federated))


class Grip(IntEnum):
    """How closely a statement names a principal: it decides what an Allow of a resource's policy is worth."""

    NONE = 0
    ACCOUNT = 1
    """Its account: what its own policies allow as well, it may."""
    ROLE = 2
    """Its role, or everybody: as good as an Allow of its own policies, within boundary and session policy."""
    DIRECT = 3
    """The user, the session, the service: allowed by that alone."""


@dataclass(frozen=True, slots=True)
class Trustees:
    """Build it with `parse_trustees`. `names` are "AWS arn:...", "Service ecs-tasks.amazonaws.com", "Federated ..."."""

    everybody: bool
    names: frozenset[str]
    negated: bool

    def grip(self, principal: Principal | None) -> Grip:
        """How it names `principal`; None stands for nobody known, whom only "*" names."""
        who = principal or Principal()
        if self.negated:
            # A Deny spares only whom it lists by every name: AWS checks account, role and session one after the other.
            names = who.names()
            spared = bool(names) and names <= self.names
            return Grip.NONE if spared else Grip.DIRECT
        if who.arn and f"AWS {who.arn}" in self.names:
            return Grip.DIRECT
        if who.service and f"Service {who.service}" in self.names:
            return Grip.DIRECT
        if who.federated and f"Federated {who.federated}" in self.names:
            return Grip.DIRECT
        if self.everybody or (who.role and f"AWS {who.role}" in self.names):
            return Grip.ROLE
        return Grip.ACCOUNT if who.root and f"AWS {who.root}" in self.names else Grip.NONE

    def as_context(self) -> Value:
        """The names, for explanations."""
        return ("*",) if self.everybody else tuple(sorted(self.names))


@dataclass(frozen=True, slots=True)
class FoundTrustees:
    """`problems` are (place, message, remedy)."""

    trustees: Trustees | None
    problems: tuple[tuple[str, str, str], ...]


def parse_trustees(raw: object, place: str, *, negated: bool) -> FoundTrustees:
    """ "*", or {"AWS" | "Service" | "Federated": a name or several}; "AWS" takes "*", account ids and whole ARNs."""
    if raw == "*":
        return FoundTrustees(Trustees(True, frozenset(), negated), _everybody_problem(place, negated))
    if not isinstance(raw, Mapping) or not raw:
        remedy = 'write "*" or an object such as {"AWS": "arn:aws:iam::123456789012:user/ana"}'
        return FoundTrustees(None, ((place, "is not a principal", remedy),))
    names: set[str] = set()
    problems: list[tuple[str, str, str]] = []
    everybody = False
    for kind, values in raw.items():
        here = f"{place}.{kind}"
        if kind not in _KINDS:
            problems.append(_kind_problem(here, str(kind)))
            continue
        listed = values if isinstance(values, list) else [values]
        if not listed or not all(isinstance(value, str) and value for value in listed):
            problems.append((here, "must be a string or a list with at least one string", ""))
            continue
        for index, value in enumerate(listed):
            at = f"{here}[{index}]" if isinstance(values, list) else here
            if value == "*" and kind == "AWS":
                everybody = True
                problems.extend(_everybody_problem(at, negated))
            elif (wrong := _name_problem(kind, value)) is not None:
                problems.append((at, *wrong))
            else:
                names.add(f"{kind} {_full(kind, value)}")
    if problems:
        return FoundTrustees(None, tuple(problems))
    return FoundTrustees(Trustees(everybody, frozenset(names), negated), ())


def _everybody_problem(place: str, negated: bool) -> tuple[tuple[str, str, str], ...]:
    if not negated:
        return ()
    return ((place, 'NotPrincipal "*" speaks of nobody', "name the principals that are to be spared"),)


def _kind_problem(place: str, kind: str) -> tuple[str, str, str]:
    if kind == "CanonicalUser":
        return (place, "CanonicalUser is not supported", "name the user by its ARN under AWS")
    return (place, f"{kind} is not a kind of principal", "use AWS, Service or Federated")


def _full(kind: str, value: str) -> str:
    return f"arn:aws:iam::{value}:root" if kind == "AWS" and ACCOUNT_ID.fullmatch(value) else value


def _name_problem(kind: str, value: str) -> tuple[str, str] | None:
    if "*" in value or "?" in value:
        remedy = 'write the whole name, or "*" alone with a condition on aws:PrincipalArn'
        return (f'"{value}" has a wildcard, which a principal cannot have', remedy)
    if kind == "AWS" and not ACCOUNT_ID.fullmatch(value) and not _AWS_ARN.fullmatch(value):
        remedy = (
            "write an account's twelve digits, or a whole ARN such as arn:aws:iam::123456789012:role/deployer"
        )
        return (f'"{value}" is not an AWS principal', remedy)
    if kind == "Service" and not _SERVICE.fullmatch(value):
        return (f'"{value}" is not a service', 'write its name, such as "ecs-tasks.amazonaws.com"')
    return None
