"""Second factors: authenticator apps (TOTP, RFC 6238) and recovery codes. Passkeys: access.signon.passkeys."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyotp
from django.conf import settings
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from access.caller import Caller
from access.identities.names import find_user, user_arn_of
from access.models import User
from access.registry import operation
from access.signon.models import Passkey, RecoveryCode, TotpDevice
from access.trail import audit
from base.cipher import decrypt, encrypt
from base.clock import now
from base.errors import Conflict, EntityAlreadyExists, LimitExceeded, NoSuchEntity, invalid

STEP = 30
"""Seconds that one code is shown for."""
_SKEW = 1
"""Steps before and after the device's own time that are taken too: clocks differ, people type slowly."""
_RESYNC = 60
"""Steps (30 minutes) either way in which a resync looks for two codes in a row."""
MOST_DEVICES = 8  # IAM's own limit for a user
CODES = 10
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # nothing that looks like something else


@dataclass(frozen=True, slots=True)
class IssuedDevice:
    """A new device with its seed (base32) and the otpauth:// address a QR code holds; neither can be read again."""

    device: TotpDevice
    seed: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IssuedCodes:
    """New recovery codes, which can never be read again."""

    codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Factors:
    """What second factors a user has."""

    totp: bool
    passkey: bool
    recovery: int

    @property
    def any(self) -> bool:
        return self.totp or self.passkey


def factors_of(user: User) -> Factors:
    """Two or three queries. Recovery codes alone are no second factor: they stand in for one."""
    totp = TotpDevice.objects.filter(user=user).exclude(enabled_at=None).exists()
    passkey = Passkey.objects.filter(user=user).exists()
    unused = RecoveryCode.objects.filter(user=user, used_at=None).count() if totp or passkey else 0
    return Factors(totp, passkey, unused)


# --- checking ------------------------------------------------------------------------------------------


def check_code(user: User, code: str) -> bool:
    """Whether `code` is what one of the user's devices shows now. A code is good once: a guarded UPDATE decides
    between two tries at the same moment."""
    digits = "".join(code.split())
    if len(digits) != 6 or not digits.isdigit() or not digits.isascii():
        return False
    for device in TotpDevice.objects.filter(user=user).exclude(enabled_at=None):
        step = _matching_step(device, digits)
        if step is not None and _spend(device, step):
            return True
    return False


def check_recovery_code(user: User, code: str) -> bool:
    """Whether `code` is an unused recovery code of the user; it is used then."""
    digest = _digest(user, code)
    return bool(RecoveryCode.objects.filter(user=user, digest=digest, used_at=None).update(used_at=now()))


def _matching_step(device: TotpDevice, digits: str) -> int | None:
    """The newest step whose code this is, of those the device may be at; none that it has passed."""
    totp = pyotp.TOTP(decrypt(device.encrypted_seed), interval=STEP)
    current = _step_now() + device.drift
    for step in range(current + _SKEW, current - _SKEW - 1, -1):
        if step > device.last_step and hmac.compare_digest(_code_at(totp, step).encode(), digits.encode()):
            return step
    return None


def _spend(device: TotpDevice, step: int) -> bool:
    moment = now()
    return bool(
        TotpDevice.objects.filter(pk=device.pk, last_step__lt=step).update(
            last_step=step, last_used_at=moment
        )
    )


def _step_now() -> int:
    return int(now().timestamp()) // STEP


def _code_at(totp: pyotp.TOTP, step: int) -> str:
    return totp.generate_otp(step) if step >= 0 else ""


def _digest(user: User, code: str) -> str:
    """Keyed, since a code is short enough to be found from a bare hash; and per user."""
    plain = "".join(one for one in code.lower() if one in _ALPHABET)
    return salted_hmac("access.recovery-code", f"{user.pk}:{plain}", algorithm="sha256").hexdigest()


# --- operations ----------------------------------------------------------------------------------------


@operation("iam:ListMFADevices", resource=user_arn_of, writes=False)
def list_mfa_devices(caller: Caller, *, username: str) -> QuerySet[TotpDevice]:
    """The authenticator apps of a user, by name; one whose first code is still missing has no enabledAt."""
    return TotpDevice.objects.filter(user=find_user(username))


@operation("iam:CreateVirtualMFADevice", resource=user_arn_of, writes=True)
def create_virtual_mfa_device(caller: Caller, *, username: str, name: str) -> IssuedDevice:
    """Make the seed of an authenticator app. It counts once enabled with a code; its seed is shown this once."""
    user = find_user(username)
    name = checked_device_name(user, name)
    seed = pyotp.random_base32(32)
    TotpDevice.objects.filter(user=user, name=name, enabled_at=None).delete()
    device = TotpDevice.objects.create(user=user, name=name, encrypted_seed=encrypt(seed))
    audit.note_change("mfaDevice", None, name)
    issuer = f"Slipway {settings.SLIPWAY_ACCOUNT_ID}"
    uri = pyotp.TOTP(seed, interval=STEP).provisioning_uri(name=user.username, issuer_name=issuer)
    return IssuedDevice(device, seed, uri)


@operation("iam:EnableMFADevice", resource=user_arn_of, redact=("authentication_code",), writes=True)
def enable_mfa_device(caller: Caller, *, username: str, name: str, authentication_code: str) -> TotpDevice:
    """Make an authenticator app count, with the code it shows: from then on signing in asks for one."""
    device = _find(username, name)
    if device.enabled_at is not None:
        raise Conflict(f"{name} is enabled already.")
    step = _matching_step(device, "".join(str(authentication_code).split()))
    if step is None or not _spend(device, step):
        raise invalid("authentication_code", "is not the code that the app shows now")
    device.enabled_at, device.last_step = now(), step
    device.save(update_fields=["enabled_at", "last_step"])
    audit.note_change("enabled", False, True)
    return device


@operation("iam:DeactivateMFADevice", resource=user_arn_of, writes=True)
def deactivate_mfa_device(caller: Caller, *, username: str, name: str) -> None:
    """Take an authenticator app from a user, for good. With the last second factor the recovery codes go too."""
    device = _find(username, name)
    audit.note_change("mfaDevice", name, None)
    device.delete()
    drop_orphaned_codes(device.user)


@operation(
    "iam:ResyncMFADevice",
    resource=user_arn_of,
    redact=("authentication_code1", "authentication_code2"),
    writes=True,
)
def resync_mfa_device(
    caller: Caller, *, username: str, name: str, authentication_code1: str, authentication_code2: str
) -> TotpDevice:
    """Learn from two codes in a row how far a device's clock is off, up to half an hour."""
    device = _find(username, name)
    totp = pyotp.TOTP(decrypt(device.encrypted_seed), interval=STEP)
    current = _step_now()
    wanted = tuple("".join(str(code).split()) for code in (authentication_code1, authentication_code2))
    for offset in sorted(range(-_RESYNC, _RESYNC + 1), key=abs):
        step = current + offset
        shown = (_code_at(totp, step), _code_at(totp, step + 1))
        fits = all(hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(shown, wanted, strict=True))
        if fits and step > device.last_step:
            audit.note_change("drift", device.drift, offset + 1)
            device.drift, device.last_step = offset + 1, step + 1
            device.save(update_fields=["drift", "last_step"])
            return device
    raise invalid("authentication_code1", "these are not two codes in a row of this device")


@operation("slipway:CreateRecoveryCodes", resource=user_arn_of, writes=True)
def create_recovery_codes(caller: Caller, *, username: str) -> IssuedCodes:
    """Ten new codes, each good once in place of a second factor; those before are void. They are in this answer and
    nowhere else."""
    user = find_user(username)
    if not factors_of(user).any:
        raise Conflict("Recovery codes stand in for a second factor: add one first.")
    return IssuedCodes(_new_codes(user))


def _new_codes(user: User) -> tuple[str, ...]:
    RecoveryCode.objects.filter(user=user).delete()
    codes = tuple(f"{_letters(5)}-{_letters(5)}" for _ in range(CODES))
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(user, code)) for code in codes)
    audit.note_change("recoveryCodes", None, CODES)
    return codes


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def checked_device_name(user: User, name: str) -> str:
    """A new device's name: short text, free for this user among apps and passkeys. Raises OperationError."""
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= 64:
        raise invalid("name", "between 1 and 64 characters")
    name = name.strip()
    taken: Sequence[bool] = (
        TotpDevice.objects.filter(user=user, name=name).exclude(enabled_at=None).exists(),
        Passkey.objects.filter(user=user, name=name).exists(),
    )
    if any(taken):
        raise EntityAlreadyExists(f"There is a second factor named {name}.", fields={"name": "is taken"})
    count = TotpDevice.objects.filter(user=user).count() + Passkey.objects.filter(user=user).count()
    if count >= MOST_DEVICES:
        raise LimitExceeded(f"A user has {MOST_DEVICES} second factors at most: remove one first.")
    return name


def drop_orphaned_codes(user: User) -> None:
    """Recovery codes without a factor they stand in for would only wait to be found."""
    if not factors_of(user).any:
        RecoveryCode.objects.filter(user=user).delete()


def _find(username: str, name: str) -> TotpDevice:
    device = TotpDevice.objects.select_related("user").filter(user=find_user(username), name=name).first()
    if device is None:
        raise NoSuchEntity(f"{username} has no MFA device named {name}.", fields={"name": "not found"})
    return device
