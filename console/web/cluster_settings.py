"""The form that says whether transcripts of a cluster's terminals are kept, and where (ExecuteCommand)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from base.errors import AccessDenied, OperationError
from clusters.configuration import LOGGING
from clusters.models import Cluster
from clusters.operations import update_cluster
from clusters.queries import describe_cluster
from console.web import links
from console.web.commands import command
from console.web.following import begin_with_address, given_so_far
from console.web.forms import mark
from console.web.page import caller, may, page
from console.web.parts import Crumb

_EXEC = "configuration.executeCommandConfiguration"
_WORDS = {
    "NONE": gettext_lazy("NONE: none is kept"),
    "DEFAULT": gettext_lazy("DEFAULT: in the container's log group"),
    "OVERRIDE": gettext_lazy("OVERRIDE: in the log group named below"),
}


class ExecForm(forms.Form):
    logging = forms.ChoiceField(
        label=gettext_lazy("Transcripts"),
        choices=[(name, _WORDS[name]) for name in LOGGING],
        help_text=gettext_lazy("What the terminals of its tasks show, in sessions opened from now on."),
    )
    log_group = forms.CharField(
        label=gettext_lazy("Log group"),
        required=False,
        max_length=512,
        help_text=gettext_lazy("With OVERRIDE alone. Letters, digits and . - _ / #"),
    )

    PATHS = {
        f"{_EXEC}.logging": "logging",
        f"{_EXEC}.logConfiguration": "log_group",
    }

    def configuration(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A cluster's configuration, in AWS form; the operation checks it."""
        group = {"cloudWatchLogGroupName": given["log_group"]} if given["log_group"] else None
        log = {"logConfiguration": group} if group else {}
        return {"executeCommandConfiguration": {"logging": given["logging"], **log}}


def execute_command(cluster: Cluster) -> dict[str, str]:
    """What is in force: `logging`, and the log group of OVERRIDE. Without a configuration nothing is kept."""
    found = cluster.configuration.get("executeCommandConfiguration") or {}
    log = found.get("logConfiguration") or {}
    return {"logging": found.get("logging", "NONE"), "log_group": log.get("cloudWatchLogGroupName", "")}


@page
def edit(request: HttpRequest, cluster: str) -> HttpResponseBase:
    me = caller(request)
    found = describe_cluster(me, cluster=cluster)
    form = ExecForm(request.POST or None, initial=dict(execute_command(found)))
    begin_with_address(form, request)
    back = f"{links.cluster(found.name)}?tab=configuration"
    if request.method == "POST" and form.is_valid():
        configuration = form.configuration(form.cleaned_data)
        try:
            update_cluster(me, cluster=found.name, configuration=configuration)
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, ExecForm.PATHS)
        else:
            messages.success(request, _("The settings of the cluster are saved."))
            return redirect(back)
    context = {
        "form": form,
        "cluster": found,
        "back": back,
        "crumbs": [
            Crumb(_("Clusters"), links.to("clusters")),
            Crumb(found.name, back),
            Crumb(_("Settings")),
        ],
        "may_update": may(request, "ecs:UpdateCluster", found.arn),
        "cli": lambda: _command(found, *given_so_far(form, ExecForm)),
    }
    return render(request, "web/cluster_settings.html", context, status=400 if form.errors else 200)


def _command(cluster: Cluster, form: ExecForm, given: Mapping[str, Any]) -> str:
    logging = given["logging"] or "NONE"
    configuration = form.configuration({**given, "logging": logging})
    return command("update_cluster", {"cluster": cluster.name, "configuration": configuration})
