"""/simulator/: may this identity do that? The questions are in the address, so that an answer can be shared."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.authorization.simulator import simulate_principal_policy
from access.caller import Caller
from access.identities.roles import list_roles
from access.queries import list_groups, list_users
from base import here
from base.errors import AccessDenied, OperationError
from console.web import access_words
from console.web.access_forms import LinesField
from console.web.fields import PairsField
from console.web.forms import mark
from console.web.page import caller, may, page

SIMULATE = "iam:SimulatePrincipalPolicy"
MOST_OFFERED = 500


class SimulatorForm(forms.Form):
    principal = forms.CharField(
        label=gettext_lazy("Who"),
        max_length=256,
        help_text=gettext_lazy("The ARN of a user, a group or a role."),
        widget=forms.TextInput(attrs={"list": "principals", "autocomplete": "off", "spellcheck": "false"}),
    )
    actions = LinesField(
        label=gettext_lazy("Which actions"), help_text=gettext_lazy("One a line, such as ecs:UpdateService.")
    )
    resources = LinesField(
        label=gettext_lazy("On what"),
        required=False,
        help_text=gettext_lazy("ARNs, one a line. Empty for actions that have no resource."),
    )
    context = PairsField(
        label=gettext_lazy("In which circumstances"),
        help_text=gettext_lazy(
            "Condition keys as key=value, one a line: aws:SourceIp, slipway:desired-count. Optional."
        ),
        widget=forms.Textarea(
            attrs={"rows": 2, "spellcheck": "false", "placeholder": "slipway:desired-count=0"}
        ),
    )

    def clean_actions(self) -> list[str]:
        # A person may also separate them by commas or spaces.
        lines: list[str] = self.cleaned_data["actions"]
        return [one for line in lines for one in line.replace(",", " ").split()]


@page
def simulator(request: HttpRequest) -> HttpResponseBase:
    me = caller(request)
    asked = bool(request.GET.get("principal") and request.GET.get("actions"))
    form = SimulatorForm(request.GET) if asked else SimulatorForm(initial=request.GET.dict())
    form.fields["actions"].widget.attrs["placeholder"] = "ecs:UpdateService"
    form.fields["resources"].widget.attrs["placeholder"] = here.service_arn("default", "web")
    results: list[access_words.Said] = []
    if asked and form.is_valid():
        results = _results(me, form)
    context: dict[str, Any] = {
        "form": form,
        "asked": asked,
        "results": results,
        "allowed": sum(result.allowed for result in results),
        "who": request.GET.get("principal", "").rsplit("/", 1)[-1],
        "principals": offered(me),
        "may_simulate": may(request, SIMULATE, request.GET.get("principal", "") or "*"),
    }
    return render(request, "web/access/simulator.html", context, status=400 if form.errors else 200)


def _results(me: Caller, form: SimulatorForm) -> list[access_words.Said]:
    given = form.cleaned_data
    try:
        found = simulate_principal_policy(
            me,
            principal=given["principal"].strip(),
            actions=given["actions"],
            resources=given["resources"] or ["*"],
            context={key: _values(value) for key, value in given["context"].items()},
        )
    except AccessDenied:
        raise
    except OperationError as error:
        fields = {path.partition("[")[0].partition(".")[0]: reason for path, reason in error.fields.items()}
        mark(form, OperationError(str(error), fields=fields), {name: name for name in form.fields})
        return []
    return [access_words.said(one) for one in found]


def _values(text: str) -> str | list[str]:
    """`a, b` are two values; anything else is one."""
    parts = [part.strip() for part in text.split(",")]
    return parts if len(parts) > 1 else text


def offered(me: Caller) -> list[tuple[str, str]]:
    """(ARN, kind) of whom the reader may see and simulate: three queries at most."""
    found: list[tuple[str, str]] = []
    for action, rows, kind in (
        ("iam:ListUsers", list_users, _("user")),
        ("iam:ListGroups", list_groups, _("group")),
        ("iam:ListRoles", list_roles, _("role")),
    ):
        if me.may(action, "*").allowed:
            listed: Any = rows(me)  # type: ignore[operator]
            found += [(row.arn, kind) for row in listed.prefetch_related(None)[:MOST_OFFERED]]
    return [(arn, kind) for arn, kind in found if me.may(SIMULATE, arn).allowed]
