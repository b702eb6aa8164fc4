"""Second factors, sessions, invitations and the password policy, as REST answers them."""

from __future__ import annotations

from console.rest.shapes.common import Flag, Moment, Shape, Text, Texts, Whole


class MfaDeviceShape(Shape):
    name = Text()
    createdAt = Moment("created_at")
    enabledAt = Moment("enabled_at", help_text="null: its first code is still missing, so it does not count.")
    lastUsedAt = Moment("last_used_at")

    class Meta:
        ref_name = "MfaDevice"


class IssuedMfaDeviceShape(Shape):
    """The only answer that ever holds the seed."""

    name = Text("device.name")
    seed = Text(help_text="Base32, for the authenticator app: six digits, 30 seconds, SHA-1.")
    uri = Text(help_text="The same as an otpauth:// address, for a QR code.")

    class Meta:
        ref_name = "IssuedMfaDevice"


class PasskeyShape(Shape):
    name = Text()
    createdAt = Moment("created_at")
    lastUsedAt = Moment("last_used_at")

    class Meta:
        ref_name = "Passkey"


class RecoveryCodesShape(Shape):
    """The only answer that ever holds them."""

    codes = Texts(help_text="Each is good once, in place of a second factor.")

    class Meta:
        ref_name = "RecoveryCodes"


class SessionShape(Shape):
    session = Text("public_id")
    startedAt = Moment("started_at")
    lastSeenAt = Moment("last_seen_at", help_text="To the minute.")
    expiresAt = Moment("expire_date")
    sourceIp = Text("source_ip")
    userAgent = Text("user_agent")
    method = Text(help_text="password, passkey or oidc.")
    mfaAt = Moment("mfa_at", help_text="When a second factor was given; null: none was.")

    class Meta:
        ref_name = "Session"


class SignInLinkShape(Shape):
    """The only answer that ever holds the link."""

    username = Text("user.username")
    path = Text(help_text="Below the console's own address; good once.")
    expiresAt = Moment("link.expires_at")

    class Meta:
        ref_name = "SignInLink"


class PasswordPolicyShape(Shape):
    minimumPasswordLength = Whole("minimum_password_length")
    requireUppercaseCharacters = Flag("require_uppercase_characters")
    requireLowercaseCharacters = Flag("require_lowercase_characters")
    requireNumbers = Flag("require_numbers")
    requireSymbols = Flag("require_symbols")
    passwordReusePrevention = Whole("password_reuse_prevention", help_text="Passwords remembered; 0: none.")
    maxPasswordAge = Whole("max_password_age", help_text="Days; 0: for ever.")
    requireMfa = Flag("require_mfa", help_text="Whether signing in asks everybody for a second factor.")

    class Meta:
        ref_name = "PasswordPolicy"
