"""Addresses of secrets and parameters. Their names may hold slashes, so what is done to one stands before its name."""

from __future__ import annotations

from django.urls import URLPattern, path

from console.web import parameters, secret_policy, secret_rotation, secrets

urlpatterns: list[URLPattern] = [
    path("secrets/", secrets.secrets, name="secrets"),
    path("create-secret/", secrets.create, name="secret-new"),
    path("secrets/<path:name>/", secrets.secret, name="secret"),
    path("put-secret/<path:name>/", secrets.put, name="secret-put"),
    path("delete-secret/<path:name>/", secrets.delete, name="secret-delete"),
    path("restore-secret/<path:name>/", secrets.restore, name="secret-restore"),
    path("edit-secret/<path:name>/", secrets.edit, name="secret-edit"),
    path("move-secret-stage/<path:name>/", secrets.stage, name="secret-stage"),
    path("rotate-secret/<path:name>/", secret_rotation.edit, name="secret-rotation"),
    path("rotate-secret-now/<path:name>/", secret_rotation.now, name="secret-rotate-now"),
    path("stop-rotating-secret/<path:name>/", secret_rotation.stop, name="secret-rotation-stop"),
    path("secret-policy/<path:name>/", secret_policy.edit, name="secret-policy"),
    path("delete-secret-policy/<path:name>/", secret_policy.delete, name="secret-policy-delete"),
    path("parameters/", parameters.parameters, name="parameters"),
    path("create-parameter/", parameters.create, name="parameter-new"),
    path("parameters/<path:name>/", parameters.parameter, name="parameter"),
    path("put-parameter/<path:name>/", parameters.put, name="parameter-put"),
    path("label-parameter/<path:name>/", parameters.label, name="parameter-label"),
    path("delete-parameter/<path:name>/", parameters.delete, name="parameter-delete"),
]
