"""Creating users and groups, and editing what is not a permission: names, descriptions, scopes, tags, passwords."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import registry
from access.identities.roles import get_role, update_role
from access.models import Group, Role, User
from access.operations import create_group, create_user, update_group, update_user
from access.queries import get_group, get_user, list_groups, list_policies
from access.registry import Caller
from base import here
from base.errors import AccessDenied, OperationError
from console.web import links
from console.web.access_places import KINDS, Kind, crumbs
from console.web.fields import TagsField
from console.web.forms import mark
from console.web.page import caller, may, page

NAME = gettext_lazy("Letters, digits and + = , . @ _ - only. The name stays.")
HOURS = tuple(
    (hours * 3600, gettext_lazy("1 hour") if hours == 1 else f"{hours} h") for hours in (1, 2, 4, 8, 12)
)


class LinesField(forms.CharField):
    """One value a line."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})
    mono = True

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in (value or "").splitlines() if line.strip()]


class PickField(forms.MultipleChoiceField):
    widget = forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"})
    choices_list = True


def _scope_field() -> LinesField:
    return LinesField(
        label=gettext_lazy("Scope"),
        required=False,
        help_text=gettext_lazy(
            "ARN patterns, one a line: what its policies allow counts only there. A cluster stands for everything in "
            "it, a service for its deployments and tasks. Empty: everywhere."
        ),
    )


class NewUserForm(forms.Form):
    username = forms.CharField(label=gettext_lazy("User name"), max_length=64, help_text=NAME)
    display_name = forms.CharField(label=gettext_lazy("Full name"), max_length=128, required=False)
    email = forms.CharField(label=gettext_lazy("Mail"), max_length=254, required=False)
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        max_length=4096,
        help_text=gettext_lazy("Empty for a program: it uses access keys and cannot sign in."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
    )
    groups = PickField(label=gettext_lazy("Groups"), required=False)


class NewGroupForm(forms.Form):
    group = forms.CharField(label=gettext_lazy("Group name"), max_length=128, help_text=NAME)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=1000, required=False)
    scope = _scope_field()
    policies = PickField(label=gettext_lazy("Policies"), required=False)


class UserForm(forms.Form):
    display_name = forms.CharField(label=gettext_lazy("Full name"), max_length=128, required=False)
    email = forms.CharField(label=gettext_lazy("Mail"), max_length=254, required=False)
    tags = TagsField()


class GroupForm(forms.Form):
    description = forms.CharField(label=gettext_lazy("Description"), max_length=1000, required=False)
    scope = _scope_field()


class RoleEditForm(forms.Form):
    description = forms.CharField(label=gettext_lazy("Description"), max_length=1000, required=False)
    max_session_seconds = forms.TypedChoiceField(
        label=gettext_lazy("Longest session"), choices=HOURS, coerce=int
    )
    tags = TagsField()


@page
def new_user(request: HttpRequest) -> HttpResponseBase:
    me = caller(request)
    form = NewUserForm(request.POST or None)
    names: list[str] = []
    if me.may("iam:ListGroups", "*").allowed:
        rows = list_groups(me).prefetch_related(None).order_by("name")
        names = [row.name for row in rows if me.may("iam:AddUserToGroup", row.arn).allowed]
    _offer(form, "groups", names)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data | {"password": form.cleaned_data["password"] or None}
        if _done(form, lambda: create_user(me, **given), {}):
            name = given["username"]
            messages.success(request, _("The user %(name)s was created.") % {"name": name})
            return redirect("user", name)
    shown = {
        "title": _("Create a user"),
        "say": _(
            "A person, or a program. Without a group or a policy it may only look after its own sign-in."
        ),
        "save": _("Create the user"),
        "may_save": may(request, "iam:CreateUser", here.user_arn("*")),
        "crumbs": crumbs("users", "", _("Create a user")),
        "cli": "aws iam create-user --user-name ana && aws iam add-user-to-group --user-name ana --group-name deployer",
    }
    return _shown(request, form, links.to("users"), shown)


@page
def new_group(request: HttpRequest) -> HttpResponseBase:
    me = caller(request)
    form = NewGroupForm(request.POST or None)
    names: list[str] = []
    if me.may("iam:ListPolicies", "*").allowed:
        names = list(list_policies(me).prefetch_related(None).order_by("name").values_list("name", flat=True))
    _offer(form, "policies", names)
    form.fields["scope"].widget.attrs["placeholder"] = here.cluster_arn("shop")
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        if _done(form, lambda: create_group(me, **given), {}):
            messages.success(request, _("The group %(name)s was created.") % {"name": given["group"]})
            return redirect("group", given["group"])
    shown = {
        "title": _("Create a group"),
        "say": _(
            "For a team: choose what its members may do, and hold it to the team’s clusters or services."
        ),
        "save": _("Create the group"),
        "may_save": may(request, "iam:CreateGroup", here.group_arn("*")),
        "crumbs": crumbs("groups", "", _("Create a group")),
        "cli": "aws iam create-group --group-name team-shop",
    }
    return _shown(request, form, links.to("groups"), shown)


@page
def edit(request: HttpRequest, kind: str, name: str) -> HttpResponseBase:
    if kind not in KINDS:
        raise Http404
    return _EDITORS[KINDS[kind].key](request, name)


def _edit_user(request: HttpRequest, name: str) -> HttpResponseBase:
    me = caller(request)
    row = get_user(me, username=name)
    form = UserForm(
        request.POST or None,
        initial={"display_name": row.display_name, "email": row.email, "tags": _lines(row.tags)},
    )
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        text = {
            field: given[field] for field in ("display_name", "email") if given[field] != getattr(row, field)
        }

        def work() -> None:
            if text:
                update_user(me, username=name, **text)
            _retag(me, "users", row, given["tags"])

        if _done(form, work, {}):
            return _saved(request, "users", name)
    return _form_page(request, "users", row, form, "iam:UpdateUser")


def _edit_group(request: HttpRequest, name: str) -> HttpResponseBase:
    me = caller(request)
    row = get_group(me, group=name)
    form = GroupForm(
        request.POST or None, initial={"description": row.description, "scope": "\n".join(row.scope)}
    )
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        if _done(form, lambda: update_group(me, group=name, **given), {}):
            return _saved(request, "groups", name)
    return _form_page(request, "groups", row, form, "iam:UpdateGroup")


def _edit_role(request: HttpRequest, name: str) -> HttpResponseBase:
    me = caller(request)
    row = get_role(me, role=name)
    start = {"description": row.description, "max_session_seconds": row.max_session_seconds}
    form = RoleEditForm(request.POST or None, initial=start | {"tags": _lines(row.tags)})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        other = {field: given[field] for field in start if given[field] != start[field]}

        def work() -> None:
            if other:
                update_role(me, role=name, **other)
            _retag(me, "roles", row, given["tags"])

        if _done(form, work, {}):
            return _saved(request, "roles", name)
    return _form_page(request, "roles", row, form, "iam:UpdateRole")


_EDITORS: Mapping[Kind, Callable[[HttpRequest, str], HttpResponseBase]] = {
    "users": _edit_user,
    "groups": _edit_group,
    "roles": _edit_role,
}


def _lines(tags: Mapping[str, str]) -> str:
    return "\n".join(f"{key}={value}" for key, value in tags.items())


def _retag(me: Caller, kind: Kind, row: User | Role, wanted: Mapping[str, str]) -> None:
    """Only what is different: each of the two is an operation of its own, with a permission of its own."""
    identity = KINDS[kind]
    name = {identity.parameter: row.username if isinstance(row, User) else row.name}
    new = {key: value for key, value in wanted.items() if row.tags.get(key) != value}
    gone = sorted(set(row.tags) - set(wanted))
    if gone:
        registry.call(f"untag_{identity.iam.lower()}", me, **name, tag_keys=gone)
    if new:
        registry.call(f"tag_{identity.iam.lower()}", me, **name, tags=new)


def _offer(form: forms.Form, field: str, names: list[str]) -> None:
    offered = form.fields[field]
    assert isinstance(offered, forms.MultipleChoiceField)
    offered.choices = [(name, name) for name in names]


def _done(form: forms.Form, work: Callable[[], object], names: Mapping[str, str]) -> bool:
    """Whether it worked; a refusal stands on the form, a missing permission has its own page."""
    try:
        work()
    except AccessDenied:
        raise
    except OperationError as error:
        known = {field: field for field in form.fields} | dict(names)
        # "scope[1]" stands on the field "scope".
        fields = {path.partition("[")[0]: reason for path, reason in error.fields.items()}
        mark(form, OperationError(str(error), fields=fields), known)
        return False
    return True


def _saved(request: HttpRequest, kind: Kind, name: str) -> HttpResponseBase:
    messages.success(request, _("%(name)s was changed.") % {"name": name})
    return redirect(KINDS[kind].address(name))


def _form_page(
    request: HttpRequest, kind: Kind, row: User | Group | Role, form: forms.Form, action: str
) -> HttpResponseBase:
    name = row.username if isinstance(row, User) else row.name
    shown = {
        "title": _("Edit %(name)s") % {"name": name},
        "save": _("Save"),
        "may_save": may(request, action, row.arn),
        "crumbs": crumbs(kind, name, _("Edit")),
    }
    return _shown(request, form, KINDS[kind].address(name), shown)


def _shown(request: HttpRequest, form: forms.Form, back: str, shown: Mapping[str, Any]) -> HttpResponseBase:
    context = {"form": form, "back": back, **shown}
    return render(request, "web/access/identity_form.html", context, status=400 if form.errors else 200)
