"""Passkeys (WebAuthn), verified by py_webauthn: as a second factor, and in place of name and password."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import webauthn
from django.db.models import QuerySet
from webauthn.helpers import bytes_to_base64url, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from access.caller import Caller
from access.identities.names import find_user, user_arn_of
from access.models import User
from access.registry import operation
from access.signon.mfa import checked_device_name, drop_orphaned_codes
from access.signon.models import Passkey
from access.trail import audit
from base.clock import now
from base.errors import Conflict, NoSuchEntity, invalid
from base.installation import installation_id


@dataclass(frozen=True, slots=True)
class Site:
    """Where the console is, as a browser names it: `host` without port ("slipway.example"), `origin` with scheme and
    port. A passkey belongs to a host; browsers refuse them for bare addresses."""

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class Ceremony:
    """`options` for the browser, as JSON; `challenge` in base64url, to be kept in the session until the answer."""

    options: str
    challenge: str


# --- adding one ----------------------------------------------------------------------------------------


def begin_registration(user: User, site: Site) -> Ceremony:
    """What `navigator.credentials.create` is asked for."""
    options = webauthn.generate_registration_options(
        rp_id=site.host,
        rp_name="Slipway",
        user_name=user.username,
        user_id=user_handle(user),
        user_display_name=user.get_full_name(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(user),
    )
    return Ceremony(options_to_json(options), bytes_to_base64url(options.challenge))


@operation("iam:EnableMFADevice", resource=user_arn_of, redact=("credential", "challenge"), writes=True)
def enable_passkey(
    caller: Caller, *, username: str, name: str, credential: str, challenge: str, host: str, origin: str
) -> Passkey:
    """Add the passkey that a browser has just made (`credential`: its answer as JSON) for `challenge` at `origin`."""
    user = find_user(username)
    name = checked_device_name(user, name)
    try:
        verified = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=_bytes(challenge),
            expected_rp_id=host,
            expected_origin=origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise invalid("credential", f"the passkey was not accepted: {error}") from None
    key = bytes_to_base64url(verified.credential_id)
    if Passkey.objects.filter(credential_id=key).exists():
        raise Conflict("This passkey is known already.")
    audit.note_change("passkey", None, name)
    return Passkey.objects.create(
        user=user,
        name=name,
        credential_id=key,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
    )


@operation("iam:ListMFADevices", resource=user_arn_of, writes=False)
def list_passkeys(caller: Caller, *, username: str) -> QuerySet[Passkey]:
    """The passkeys of a user, by name."""
    return Passkey.objects.filter(user=find_user(username))


@operation("iam:DeactivateMFADevice", resource=user_arn_of, writes=True)
def deactivate_passkey(caller: Caller, *, username: str, name: str) -> None:
    """Take a passkey from a user, for good. With the last second factor the recovery codes go too."""
    user = find_user(username)
    passkey = Passkey.objects.filter(user=user, name=name).first()
    if passkey is None:
        raise NoSuchEntity(f"{username} has no passkey named {name}.", fields={"name": "not found"})
    audit.note_change("passkey", name, None)
    passkey.delete()
    drop_orphaned_codes(user)


# --- using one -----------------------------------------------------------------------------------------


def begin_authentication(site: Site, user: User | None = None) -> Ceremony:
    """What `navigator.credentials.get` is asked for: one of this user's passkeys, or, of nobody named, any that the
    browser has for this site; that one must verify its person (PIN, finger, face), since it is all there is."""
    needed = UserVerificationRequirement.PREFERRED if user else UserVerificationRequirement.REQUIRED
    options = webauthn.generate_authentication_options(
        rp_id=site.host,
        allow_credentials=_descriptors(user) if user else [],
        user_verification=needed,
    )
    return Ceremony(options_to_json(options), bytes_to_base64url(options.challenge))


def check(credential: str, challenge: str, site: Site, user: User | None = None) -> User | None:
    """The active user whose passkey answered the challenge; None if it is nobody's, somebody else's, or wrong. A count
    of signatures that goes back is a copied authenticator: refused."""
    parsed = _parsed(credential)
    passkey = Passkey.objects.select_related("user").filter(credential_id=parsed.get("id", "")).first()
    if passkey is None or not passkey.user.is_active or (user is not None and passkey.user_id != user.pk):
        return None
    handle = (parsed.get("response") or {}).get("userHandle")
    if user is None and handle != bytes_to_base64url(user_handle(passkey.user)):
        return None
    try:
        verified = webauthn.verify_authentication_response(
            credential=parsed,
            expected_challenge=_bytes(challenge),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=user is None,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return None
    # Guarded, so that two answers with the same count cannot both pass.
    moved = Passkey.objects.filter(pk=passkey.pk, sign_count=passkey.sign_count).update(
        sign_count=verified.new_sign_count, last_used_at=now()
    )
    return passkey.user if moved else None


def user_handle(user: User) -> bytes:
    """What an authenticator keeps for the user: says nothing about it to others."""
    return hashlib.sha256(f"{installation_id()}:{user.pk}".encode()).digest()


def _descriptors(user: User) -> list[PublicKeyCredentialDescriptor]:
    keys = Passkey.objects.filter(user=user).values_list("credential_id", flat=True)
    return [PublicKeyCredentialDescriptor(id=webauthn.base64url_to_bytes(key)) for key in keys]


def _parsed(credential: str) -> dict[str, Any]:
    try:
        found = json.loads(credential)
    except ValueError:
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        return {}
    return found if isinstance(found.get("response"), dict) else {}


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
