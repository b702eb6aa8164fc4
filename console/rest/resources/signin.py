"""Second factors, sessions, invitations and the password policy."""

from __future__ import annotations

from console.rest.actions import Action, Endpoint, Listing
from console.rest.shapes.signin import (
    IssuedMfaDeviceShape,
    MfaDeviceShape,
    PasskeyShape,
    PasswordPolicyShape,
    RecoveryCodesShape,
    SessionShape,
    SignInLinkShape,
)

_FACTORS = "Second factors"
_SESSIONS = "Sessions"
_USERS = "Users"
_USER = "users/<str:username>"
_BY_NAME = {"name": ("name",), "createdAt": ("created_at",)}

ENDPOINTS = [
    Endpoint(
        f"{_USER}/mfa-devices",
        _FACTORS,
        GET=Listing("list_mfa_devices", MfaDeviceShape, orders=_BY_NAME, order="name"),
        POST=Action("create_virtual_mfa_device", IssuedMfaDeviceShape, status=201, example={"name": "phone"}),
    ),
    Endpoint(f"{_USER}/mfa-devices/<str:name>", _FACTORS, DELETE=Action("deactivate_mfa_device")),
    Endpoint(
        f"{_USER}/mfa-devices/<str:name>/enable",
        _FACTORS,
        POST=Action("enable_mfa_device", MfaDeviceShape, example={"authenticationCode": "123456"}),
    ),
    Endpoint(
        f"{_USER}/mfa-devices/<str:name>/resync",
        _FACTORS,
        POST=Action(
            "resync_mfa_device",
            MfaDeviceShape,
            example={"authenticationCode1": "123456", "authenticationCode2": "654321"},
        ),
    ),
    Endpoint(
        f"{_USER}/passkeys",
        _FACTORS,
        GET=Listing("list_passkeys", PasskeyShape, orders=_BY_NAME, order="name"),
    ),
    Endpoint(f"{_USER}/passkeys/<str:name>", _FACTORS, DELETE=Action("deactivate_passkey")),
    Endpoint(
        f"{_USER}/recovery-codes",
        _FACTORS,
        POST=Action("create_recovery_codes", RecoveryCodesShape, status=201),
    ),
    Endpoint(
        f"{_USER}/sessions",
        _SESSIONS,
        GET=Listing(
            "list_sessions",
            SessionShape,
            orders={"lastSeenAt": ("last_seen_at",), "startedAt": ("started_at",)},
            order="-lastSeenAt",
        ),
        DELETE=Action("end_sessions"),
    ),
    Endpoint(f"{_USER}/sessions/<str:session>", _SESSIONS, DELETE=Action("end_session")),
    Endpoint(
        f"{_USER}/sign-in-link", _USERS, POST=Action("create_sign_in_link", SignInLinkShape, status=201)
    ),
    Endpoint(
        "invitations",
        _USERS,
        POST=Action(
            "invite_user",
            SignInLinkShape,
            status=201,
            example={"username": "amina", "email": "amina@example.com", "groups": ["deployer"]},
        ),
    ),
    Endpoint(
        "password-policy",
        _USERS,
        GET=Action("get_account_password_policy", PasswordPolicyShape),
        PATCH=Action(
            "update_account_password_policy",
            PasswordPolicyShape,
            example={"minimumPasswordLength": 14, "requireMfa": True},
        ),
    ),
]
