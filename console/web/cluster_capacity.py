"""The form that says which capacity providers a cluster has, and their shares where nothing else is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from base.errors import AccessDenied, OperationError
from clusters.capacity import describe_capacity_providers, put_cluster_capacity_providers
from clusters.models import Cluster
from clusters.queries import describe_cluster
from console.web import links
from console.web.capacity_form import SharesForm
from console.web.commands import command
from console.web.following import begin_with_address, given_so_far
from console.web.forms import mark
from console.web.page import caller, may, page
from console.web.parts import Crumb

_STRATEGY = "defaultCapacityProviderStrategy"


class ClusterCapacityForm(SharesForm):
    """A row of a SharesForm, and whether the cluster has the provider: the field `has-NAME`."""

    def offer(self, cluster: Cluster, names: Iterable[str]) -> None:
        self.offer_providers(
            [*cluster.capacity_providers, *names], cluster.default_capacity_provider_strategy
        )
        for name in self.providers:
            self.fields[f"has-{name}"] = forms.BooleanField(
                label=name, required=False, initial=name in cluster.capacity_providers
            )

    def shares(self) -> list[dict[str, Any]]:
        return [{**row, "has": self[f"has-{row['name']}"]} for row in super().shares()]

    def parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The operation's."""
        return {
            "capacity_providers": [name for name in self.providers if given[f"has-{name}"]],
            "default_capacity_provider_strategy": self.strategy(given),
        }

    def paths(self, error: OperationError) -> dict[str, str]:
        """Where its words belong. What is wrong with one of the providers begins with that one's name."""
        field = f"has-{error.fields.get('capacityProviders', '').partition(' ')[0]}"
        named = {"capacityProviders": field} if field in self.fields else {}
        return {**named, **self.share_paths(self.cleaned_data, _STRATEGY)}


@page
def edit(request: HttpRequest, cluster: str) -> HttpResponseBase:
    me = caller(request)
    found = describe_cluster(me, cluster=cluster)
    rows = {row.name: row for row in describe_capacity_providers(me)}

    def make(data: Mapping[str, Any] | None) -> ClusterCapacityForm:
        form = ClusterCapacityForm(data)
        form.offer(found, rows)
        return form

    form = make(request.POST or None)
    begin_with_address(form, request)
    back = f"{links.cluster(found.name)}?tab=configuration"
    if request.method == "POST" and form.is_valid():
        try:
            put_cluster_capacity_providers(me, cluster=found.name, **form.parameters(form.cleaned_data))
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, form.paths(error))
        else:
            messages.success(request, _("The capacity providers are saved."))
            return redirect(back)
    context = {
        "form": form,
        "cluster": found,
        "rows": [{**share, "row": rows.get(share["name"])} for share in form.shares()],
        "back": back,
        "crumbs": [
            Crumb(_("Clusters"), links.to("clusters")),
            Crumb(found.name, back),
            Crumb(_("Capacity providers")),
        ],
        "may_put": may(request, "ecs:PutClusterCapacityProviders", found.arn),
        "may_create": may(request, "ecs:CreateCapacityProvider", "*"),
        "cli": lambda: _command(found, *given_so_far(form, make)),
    }
    return render(request, "web/capacity/cluster.html", context, status=400 if form.errors else 200)


def _command(cluster: Cluster, form: ClusterCapacityForm, given: Mapping[str, Any]) -> str:
    return command("put_cluster_capacity_providers", {"cluster": cluster.name, **form.parameters(given)})
