"""How many access decisions one core makes in a second, beside the reference evaluator in the same run.

    python bench/policy.py --seconds 3

One identity with 20 policies of 10 statements, as a team's are written: actions of several services, ARNs by prefix and
by name, some conditions, some denials. Every request is another one and no decision is kept. Seconds are of the process
(CPU time): the aim is one core's, whatever else the machine does. Two mixes: `spread`, where
statements speak of different services and resources, and `crowded`, where each of the 200 matches every action of the
requests and only the resources differ. Both evaluators must give the same answers. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from access.policy import PolicySet, Statement, compile_identity, evaluate, parse
from tests.unit.access import reference

Raw = dict[str, Any]
Request = tuple[str, str, Raw]
HEAD = "arn:aws:ecs:us-east-1:123456789012"
SERVICES = ("ecs", "logs", "iam", "secretsmanager", "ssm", "elasticloadbalancing", "ecr", "cloudwatch")
VERBS = ("Describe", "List", "Get", "Update", "Create", "Delete", "Run", "Stop")
NOUNS = ("Service", "Services", "Tasks", "TaskDefinition", "Clusters", "LogEvents", "Secret", "Role")
POLICIES, STATEMENTS = 20, 10


def document(chance: random.Random, *, crowded: bool) -> Raw:
    return {"Version": "2012-10-17", "Statement": [statement(chance, crowded) for _ in range(STATEMENTS)]}


def statement(chance: random.Random, crowded: bool) -> Raw:
    team = f"team-{chance.randrange(40)}"
    raw: Raw = {"Effect": "Deny" if chance.random() < 0.1 else "Allow"}
    if crowded:
        raw["Action"] = chance.choice(["*", "ecs:*", ["ecs:*", "logs:*"]])
    else:
        service = chance.choice(SERVICES)
        verbs = chance.sample(VERBS, 3)
        raw["Action"] = [
            f"{service}:{verbs[0]}*",
            *(f"{service}:{verb}{chance.choice(NOUNS)}" for verb in verbs[1:]),
        ]
    raw["Resource"] = chance.choice(
        [
            f"{HEAD}:service/{team}/*",
            [f"{HEAD}:service/{team}/web", f"{HEAD}:task-definition/{team}:*"],
            f"{HEAD}:service/*/{team}-*",
            f"{HEAD}:cluster/{team}",
            f"{HEAD}:service/${{aws:PrincipalTag/team}}/*",
        ]
    )
    if chance.random() < 0.3:
        raw["Condition"] = chance.choice(
            [
                {"StringEquals": {"aws:PrincipalTag/team": team}},
                {"ArnLike": {"ecs:cluster": f"{HEAD}:cluster/team-*"}},
                {"NumericGreaterThan": {"slipway:desired-count": 0}},
                {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
                {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
            ]
        )
    return raw


def requests(chance: random.Random, *, crowded: bool) -> Iterator[Request]:
    """Without end, each with a resource of its own."""
    for number in range(10**9):
        team = f"team-{chance.randrange(60)}"
        service = "ecs" if crowded else chance.choice(SERVICES)
        action = f"{service}:{chance.choice(VERBS)}{chance.choice(NOUNS)}"
        kind = chance.choice(["service", "service", "task", "cluster"])
        resource = f"{HEAD}:{kind}/{team}/{chance.choice(['web', 'api', team])}-{number}"
        context = {
            "aws:username": "ana",
            "aws:PrincipalTag/team": "team-7",
            "aws:SourceIp": f"10.0.{number % 250}.1",
            "aws:CurrentTime": "2026-01-01T00:00:00+00:00",
            "aws:SecureTransport": "true",
            "ecs:cluster": f"{HEAD}:cluster/{team}",
            "slipway:desired-count": str(number % 5),
        }
        yield action, resource, context


def speed(decide: Callable[[Request], str], asked: list[Request], seconds: float) -> tuple[float, list[str]]:
    """Decisions in a second, and the answers, over at most `seconds` of work on requests made beforehand."""
    answers: list[str] = []
    gc.collect()
    begun = time.process_time()
    for request in asked:
        answers.append(decide(request))
        if len(answers) % 64 == 0 and time.process_time() - begun > seconds:
            break
    return len(answers) / (time.process_time() - begun), answers


def measure(name: str, seconds: float, seed: int) -> Raw:
    chance = random.Random(seed)
    crowded = name == "crowded"
    documents = [document(chance, crowded=crowded) for _ in range(POLICIES)]
    statements: list[Statement] = [one for raw in documents for one in parse(raw)]
    begun = time.process_time()
    policies: PolicySet = compile_identity(statements)
    compiled_in = time.process_time() - begun
    source = requests(chance, crowded=crowded)
    asked = [next(source) for _ in range(int(60_000 * seconds))]
    ours, answers = speed(lambda request: evaluate(policies, *request).reason, asked, seconds)
    plain, others = speed(lambda request: evaluate(statements, *request).reason, asked, seconds)
    theirs, expected = speed(lambda request: reference.decide(documents, *request), asked, seconds)
    for found in (answers, others):
        if any(one != other for one, other in zip(found, expected, strict=False)):
            raise SystemExit(f"{name}: an answer differs from the reference's")
    print(
        f"{name:8} {ours:9,.0f}/s   without the index {plain:9,.0f}/s   reference {theirs:7,.0f}/s   "
        f"{ours / theirs:,.0f} x   index built in {compiled_in * 1000:.1f} ms",
        flush=True,
    )
    return {
        "decisions_per_second": round(ours),
        "without_index": round(plain),
        "reference": round(theirs),
        "ratio": round(ours / theirs, 1),
        "index_ms": round(compiled_in * 1000, 2),
        "compared": len(expected),
        "allowed": round(answers.count("allow") / len(answers), 3),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=3.0, help="for each evaluator and mix")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    found = {name: measure(name, given.seconds, given.seed) for name in ("spread", "crowded")}
    print(json.dumps({"bench": "policy", "policies": POLICIES, "statements": POLICIES * STATEMENTS, **found}))


if __name__ == "__main__":
    main()
