"""The addresses of the pages of access: users, groups, roles, policies, the simulator, explanations, switching."""

from __future__ import annotations

from django.urls import URLPattern, path

from console.web import (
    access_actions,
    access_explain,
    access_forms,
    access_group,
    access_inline,
    access_lists,
    access_policy,
    access_policy_edit,
    access_role,
    access_simulator,
    access_switch,
    access_user,
)

urlpatterns: list[URLPattern] = [
    path("access/users/", access_lists.users, name="users"),
    path("access/create-user/", access_forms.new_user, name="user-new"),
    path("access/users/<str:name>/", access_user.user, name="user"),
    path("access/users/<str:name>/keys/", access_user.create_key, name="user-key-new"),
    path("access/groups/", access_lists.groups, name="groups"),
    path("access/create-group/", access_forms.new_group, name="group-new"),
    path("access/groups/<str:name>/", access_group.group, name="group"),
    path("access/roles/", access_lists.roles, name="roles"),
    path("access/create-role/", access_role.create, name="role-new"),
    path("access/roles/<str:name>/", access_role.role, name="role"),
    path("access/roles/<str:name>/trust/", access_role.trust, name="role-trust"),
    path("access/policies/", access_lists.policies, name="policies"),
    path("access/create-policy/", access_policy_edit.create, name="policy-new"),
    path("access/policies/<str:name>/", access_policy.policy, name="policy"),
    path("access/policies/<str:name>/edit/", access_policy_edit.edit, name="policy-edit"),
    path("access/policies/<str:name>/compare/", access_policy.compare, name="policy-compare"),
    # Those of one kind come before these, which any kind has.
    path("access/<str:kind>/<str:name>/edit/", access_forms.edit, name="identity-edit"),
    path("access/<str:kind>/<str:name>/inline/", access_inline.edit, name="inline-policy"),
    path("access/<str:kind>/<str:name>/do/<str:what>/", access_actions.do, name="access-do"),
    path("simulator/", access_simulator.simulator, name="simulator"),
    path("access/explain/", access_explain.why, name="access-explain"),
    path("switch-role/", access_switch.choose, name="switch-role"),
    path("switch-role/back/", access_switch.back, name="switch-back"),
]
