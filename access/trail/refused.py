"""Records of credentials that were refused before anybody was known to call."""

from __future__ import annotations

from django.http import HttpRequest

from access.caller import Face, user_agent_of
from access.identities.key_models import AccessKey
from access.identities.tokens import digest_of
from access.models import Token
from access.trail import audit
from access.trail.models import AuditRecord
from base import here
from base.clock import now

SIGNATURE_ACTION = "signin:SignedRequest"
TOKEN_ACTION = "signin:BearerToken"  # noqa: S105 - the name of an action


def record_bad_token(request: HttpRequest, secret: str, face: Face = "rest") -> None:
    """Leave the record of a bearer token that was not let in: whose it is when it is known (expired, or of a
    deactivated user), else nobody's. Nothing of the token itself is kept: people paste other secrets by mistake.

    Whoever calls this bounds how often one address may try, so that a flood does not fill the trail.
    """
    token = Token.objects.select_related("user").filter(digest=digest_of(secret)).first()
    why = "It is unknown or was revoked."
    if token is not None:
        expired = token.expires_at is not None and token.expires_at <= now()
        why = f"The token {token.name} has expired." if expired else "Its user is deactivated."
    arn = token.user.arn if token is not None else ""
    audit.write(
        AuditRecord(
            request_id=getattr(request, "request_id", ""),
            actor_arn=arn,
            actor_name=token.user.username if token is not None else "unknown",
            face=face,
            source_ip=getattr(request, "source_ip", ""),
            user_agent=user_agent_of(request),
            operation="authenticate",
            action=TOKEN_ACTION,
            resource=arn or here.user_arn("unknown"),
            resources=[arn] if arn else [],
            result=AuditRecord.Result.FAILED,
            error_code="UnrecognizedClientException",
            error_message=why,
            parameters={"token": token.name} if token is not None else {},
        )
    )


def record_bad_signature(request: HttpRequest, key_id: str, code: str) -> None:
    """Leave the record of a signed request that was not let in: whose key it names, where it is known here.

    As with tokens, whoever calls this bounds how often one address may try.
    """
    key = AccessKey.objects.select_related("user").filter(key_id=key_id).first()
    arn = key.user.arn if key is not None else ""
    audit.write(
        AuditRecord(
            request_id=getattr(request, "request_id", ""),
            actor_arn=arn,
            actor_name=key.user.username if key is not None else "unknown",
            face="aws",
            source_ip=getattr(request, "source_ip", ""),
            user_agent=user_agent_of(request),
            operation="authenticate",
            action=SIGNATURE_ACTION,
            resource=arn or here.user_arn("unknown"),
            resources=[arn] if arn else [],
            result=AuditRecord.Result.FAILED,
            error_code=code,
            error_message="The request's signature was refused.",
            parameters={"accessKeyId": key_id[:128]} if key is not None else {},
        )
    )
