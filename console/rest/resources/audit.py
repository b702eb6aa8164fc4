"""The audit trail."""

from __future__ import annotations

from console.rest.actions import Action, Endpoint, File, Trail
from console.rest.shapes.access import AuditShape, TrailStatusShape, VerificationShape

_TAG = "Audit"

ENDPOINTS = [
    Endpoint("audit", _TAG, GET=Trail("lookup_events", AuditShape)),
    Endpoint("audit/status", _TAG, GET=Action("get_trail_status", TrailStatusShape)),
    Endpoint("audit/verification", _TAG, GET=Action("verify_audit_trail", VerificationShape)),
    Endpoint(
        "audit/export",
        _TAG,
        GET=File("export_audit_trail", media_type="application/x-ndjson", filename="audit.jsonl"),
    ),
]
