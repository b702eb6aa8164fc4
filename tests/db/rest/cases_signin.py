"""Second factors, sessions, invitations and the password policy: see tests.db.rest.cases."""

from __future__ import annotations

from datetime import timedelta

import pyotp

from access.models import User
from access.signon.models import Passkey, TotpDevice, UserSession
from access.signon.session_store import SessionStore
from base.cipher import encrypt
from base.clock import now
from tests.db.rest.case import Case

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
READS = [
    Case("GET", path, 200)
    for path in (
        "users/amina/mfa-devices",
        "users/amina/passkeys",
        "users/amina/sessions",
        "password-policy",
    )
]
WRITES = [
    Case("POST", "users/amina/mfa-devices", 201, {"name": "tablet"}, {"name": ""}, "name"),
    Case(
        "POST",
        "users/amina/mfa-devices/new/enable",
        200,
        {"authenticationCode": "{code}"},
        {"authenticationCode": "12345"},
        "authenticationCode",
    ),
    Case(
        "POST",
        "users/amina/mfa-devices/phone/resync",
        200,
        {"authenticationCode1": "{code}", "authenticationCode2": "{next_code}"},
        {"authenticationCode1": "{code}", "authenticationCode2": "12345"},
        "authenticationCode1",
    ),
    Case("DELETE", "users/amina/mfa-devices/phone", 204),
    Case("DELETE", "users/amina/passkeys/key", 204),
    Case("POST", "users/amina/recovery-codes", 201, {}, {"count": 3}, "count"),
    Case("DELETE", "users/amina/sessions", 204),
    Case("DELETE", "users/amina/sessions/0123456789abcdef", 204),
    Case("POST", "users/amina/sign-in-link", 201, {}, {"hours": 3}, "hours"),
    Case("POST", "invitations", 201, {"username": "jo", "groups": ["team"]}, {"username": "a b"}, "username"),
    Case(
        "PATCH",
        "password-policy",
        200,
        {"minimumPasswordLength": 14, "requireMfa": True},
        {"minimumPasswordLength": 3},
        "minimumPasswordLength",
    ),
]


def furnish(user: User) -> dict[str, str]:
    """What the cases speak of; the words they hold."""
    seed = encrypt(SEED)
    TotpDevice.objects.create(user=user, name="phone", encrypted_seed=seed, enabled_at=now())
    TotpDevice.objects.create(user=user, name="new", encrypted_seed=seed)
    Passkey.objects.create(user=user, name="key", credential_id="AAAA", public_key=b"0")
    UserSession.objects.create(
        session_key="0" * 40,
        session_data=SessionStore().encode({}),
        expire_date=now() + timedelta(hours=1),
        public_id="0123456789abcdef",
        user=user,
    )
    totp, moment = pyotp.TOTP(SEED), now()
    return {"code": totp.at(moment), "next_code": totp.at(moment + timedelta(seconds=30))}
