"""What the simulator found, as REST answers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from access.language.simulation import Evaluation
from console.rest.shapes.common import Shape, Text, Texts


class MatchShape(Shape):
    sourcePolicy = Text("source", allow_blank=True)
    place = Text(allow_blank=True, help_text="Where the statement stands in its document.")
    sid = Text(allow_blank=True)
    effect = Text()
    layer = Text(help_text="identity, boundary, session or resource.")

    class Meta:
        ref_name = "MatchedStatement"


class NearShape(Shape):
    statement = MatchShape(source="match")
    reason = Text(help_text="resource, scope or condition: what alone keeps it from allowing.")
    operator = Text(allow_blank=True)
    key = Text(allow_blank=True)
    wanted = Texts()
    found = Texts(allow_null=True)

    class Meta:
        ref_name = "NearStatement"


class EvaluationShape(Shape):
    evalActionName = Text("action")
    evalResourceName = Text("resource")
    evalDecision = serializers.ChoiceField(
        source="decision", choices=["allowed", "explicitDeny", "implicitDeny"]
    )
    deciding = MatchShape(allow_null=True, help_text="The statement that decided; null for implicitDeny.")
    matchedStatements = MatchShape(source="matched", many=True)
    missingContextValues = Texts("missing_context_keys")
    allowedByPermissionsBoundary = serializers.BooleanField(
        source="allowed_by_boundary", allow_null=True, help_text="null: there is none."
    )
    allowedBySession = serializers.BooleanField(source="allowed_by_session", allow_null=True)
    nearStatements = NearShape(source="near", many=True)

    class Meta:
        ref_name = "EvaluationResult"


class SimulationShape(Shape):
    evaluationResults = EvaluationShape(many=True)

    class Meta:
        ref_name = "Simulation"


def as_simulation(found: Sequence[Evaluation]) -> dict[str, Any]:
    return {"evaluationResults": found}
