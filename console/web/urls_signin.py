"""The addresses of signing in, of links by mail, and of one's own security."""

from __future__ import annotations

from django.urls import URLPattern, path

from console.web import (
    own_security,
    programs,
    session,
    session_links,
    session_oidc,
    session_steps,
    signin_admin,
)

urlpatterns: list[URLPattern] = [
    path("sign-in/", session.sign_in, name="sign-in"),
    path("sign-in/passkey/", session.passkey, name="sign-in-passkey"),
    path("sign-in/passkey/options/", session.passkey_options, name="sign-in-passkey-options"),
    path("sign-in/second-factor/", session_steps.factor, name="sign-in-factor"),
    path("sign-in/add-second-factor/", session_steps.enrol, name="sign-in-enrol"),
    path("sign-in/new-password/", session_steps.password, name="sign-in-password"),
    path("sign-in/forgotten/", session_links.forgotten, name="forgotten"),
    path("sign-in/oidc/", session_oidc.begin, name="oidc"),
    path("sign-in/oidc/callback/", session_oidc.callback, name="oidc-callback"),
    path("sign-out/", session.sign_out, name="sign-out"),
    path("welcome/", session_links.welcome, name="welcome"),
    path("welcome/<str:secret>/", session_links.open_link, name="welcome-link"),
    path("account/aws-clients/", programs.show, name="programs"),
    path("account/security/", own_security.show, name="own-security"),
    path("account/security/password/", own_security.password, name="own-password"),
    path("account/security/app/", own_security.app, name="own-app"),
    path("account/security/passkey/", own_security.passkey, name="own-passkey"),
    path("account/security/passkey/options/", own_security.passkey_options, name="own-passkey-options"),
    path(
        "account/security/remove/<str:kind>/<str:name>/", own_security.remove_factor, name="own-factor-remove"
    ),
    path("account/security/codes/", own_security.codes, name="own-codes"),
    path("account/security/sessions/end/", own_security.end_others, name="own-sessions-end"),
    path("account/security/sessions/<str:session>/end/", own_security.end_session, name="own-session-end"),
    path("account/security/tokens/", own_security.token, name="own-token"),
    path("account/security/tokens/<str:name>/revoke/", own_security.revoke_token, name="own-token-revoke"),
    path("access/invite/", signin_admin.invite, name="user-invite"),
    path("access/sign-in-rules/", signin_admin.rules, name="password-rules"),
    path("access/users/<str:name>/sign-in/", signin_admin.sign_in_of, name="user-sign-in"),
    path("access/users/<str:name>/sign-in/link/", signin_admin.link, name="user-link"),
    path("access/users/<str:name>/sign-in/end/", signin_admin.end_sessions, name="user-sessions-end"),
    path(
        "access/users/<str:name>/sign-in/remove/<str:kind>/<str:device>/",
        signin_admin.remove_factor,
        name="user-factor-remove",
    ),
]
