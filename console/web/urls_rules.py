"""Addresses of scheduled tasks: rules and their targets."""

from __future__ import annotations

from django.urls import URLPattern, path

from console.web import rule_new, rules

urlpatterns: list[URLPattern] = [
    path("scheduled-tasks/", rules.rules, name="rules"),
    path("create-scheduled-task/", rule_new.create, name="rule-new"),
    path("scheduled-tasks/<str:name>/", rules.rule, name="rule"),
    path("scheduled-tasks/<str:name>/edit/", rule_new.edit, name="rule-edit"),
    path("scheduled-tasks/<str:name>/target/", rule_new.target, name="rule-target"),
    path("scheduled-tasks/<str:name>/remove-target/", rules.remove_target, name="rule-target-remove"),
    path("scheduled-tasks/<str:name>/state/", rules.set_state, name="rule-state"),
    path("scheduled-tasks/<str:name>/delete/", rules.delete, name="rule-delete"),
]
