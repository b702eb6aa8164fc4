"""/instances/, one instance, and what changes it: register, drain, activate, deregister."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from base import here
from base.errors import AccessDenied, OperationError
from clusters.addresses import fingerprints
from clusters.models import ContainerInstance
from clusters.operations import (
    deregister_container_instance,
    register_container_instance,
    update_container_instance_state,
)
from clusters.queries import (
    DEFAULT_CLUSTER,
    describe_container_instance,
    list_clusters,
    list_container_instances,
)
from console.web import hosts, instance_upkeep, links, task_rows
from console.web.fields import PairsField, TagsField
from console.web.forms import mark
from console.web.page import ListState, attempt, caller, may, page
from console.web.parts import Crumb
from services.queries import list_tasks

_FIELDS = {
    "url": "url",
    "name": "name",
    "tlsCa": "tls_ca",
    "tlsCertificate": "tls_certificate",
    "tlsKey": "tls_key",
    "sshKey": "ssh_key",
    "sshHostKey": "ssh_host_key",
    "attributes": "attributes",
    "tags": "tags",
    "cluster": "cluster",
}


@page
def instances(request: HttpRequest) -> HttpResponseBase:
    state = ListState.of(request, hosts.SORTS, "name")
    visible = list_container_instances(caller(request))
    shown = state.page_of(hosts.searched(visible, state))
    context = {
        "page": shown,
        "rows": [(row, *hosts.status_of(row), links.instance(row.cluster.name, row.pk)) for row in shown],
        "choices": hosts.choices(visible),
        "filtered": bool(state.q or state.state),
        "may_register": may(request, "ecs:RegisterContainerInstance", here.cluster_arn("*")),
    }
    return render(request, "web/instances.html", context)


@page
def instance(request: HttpRequest, cluster: str, instance: str) -> HttpResponseBase:
    me = caller(request)
    found = describe_container_instance(me, cluster=cluster, container_instance=instance)
    status, _tone = hosts.status_of(found)
    held = _("Tasks are still on it. Drain it and wait, or use force.") if _tasks(found) else ""
    drawn, legend = hosts.hosts([found])
    holders = dict(found.held_gpus.values_list("gpu", "holder"))
    context: dict[str, object] = {
        "instance": found,
        "status": status,
        "hosts": drawn,
        "legend": legend,
        "facts": found.info,
        "lost_after": f"{settings.SLIPWAY_INSTANCE_LOST_SECONDS:g}"
        if settings.SLIPWAY_INSTANCE_LOST_SECONDS
        else "",
        "fingerprints": fingerprints(found.ssh_host_key),
        "ports": found.host_ports.order_by("port")[:200],
        "gpus": [(gpu, holders.get(gpu, "")) for gpu in found.gpus],
        "topics": f"instance:{found.pk}",
        "crumbs": [
            Crumb(_("Clusters"), links.to("clusters")),
            Crumb(found.cluster.name, links.cluster(found.cluster.name)),
            Crumb(_("Instances"), links.to("instances")),
            Crumb(str(found)),
        ],
        "may_update": may(request, "ecs:UpdateContainerInstancesState", found.arn),
        "may_deregister": may(request, "ecs:DeregisterContainerInstance", found.arn),
        "may_put_attributes": may(request, "ecs:PutAttributes", found.arn),
        "held": held,
        "looking": {"dry_run": "on"},
        **instance_upkeep.cards(request, found),
        **task_rows.listed(request, list_tasks(me, container_instance=found.pk, desired_status=None)),
    }
    return render(request, "web/instance.html", context)


def _tasks(instance: ContainerInstance) -> int:
    return instance.running_tasks + instance.pending_tasks


@require_POST
@page
def set_state(request: HttpRequest, cluster: str, instance: str) -> HttpResponseBase:
    status = request.POST.get("status", "")
    said = {
        "DRAINING": _("The instance is draining: its services' tasks are being replaced elsewhere."),
        "ACTIVE": _("The instance takes tasks again."),
    }.get(status, "")
    back = links.instance(cluster, instance)
    return attempt(
        request,
        lambda: update_container_instance_state(
            caller(request), cluster=cluster, container_instance=instance, status=status
        ),
        said,
        done=back,
        failed=back,
    )


@require_POST
@page
def deregister(request: HttpRequest, cluster: str, instance: str) -> HttpResponseBase:
    return attempt(
        request,
        lambda: deregister_container_instance(
            caller(request),
            cluster=cluster,
            container_instance=instance,
            force=request.POST.get("force") == "on",
        ),
        _("The instance was deregistered. The engine and what else runs on it are left alone."),
        done=links.to("instances"),
        failed=links.instance(cluster, instance),
    )


class InstanceForm(forms.Form):
    cluster = forms.ChoiceField(label=gettext_lazy("Cluster"))
    url = forms.CharField(
        label=gettext_lazy("Address of the engine"),
        max_length=500,
        help_text=gettext_lazy(
            "unix:///var/run/docker.sock for the local one, tcp://host:2376 for one with TLS, "
            "ssh://user@host for one over SSH."
        ),
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off", "class": "mono"}),
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=255,
        required=False,
        help_text=gettext_lazy("Left empty, the engine's host name."),
    )
    tls_ca = forms.CharField(
        label=gettext_lazy("Certificate authority (PEM)"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "-----BEGIN CERTIFICATE-----"}),
    )
    tls_certificate = forms.CharField(
        label=gettext_lazy("Client certificate (PEM)"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "-----BEGIN CERTIFICATE-----"}),
    )
    tls_key = forms.CharField(
        label=gettext_lazy("Client key (PEM)"),
        required=False,
        help_text=gettext_lazy("Kept encrypted, and never shown again."),
        widget=forms.Textarea(
            attrs={"rows": 3, "placeholder": "-----BEGIN PRIVATE KEY-----", "autocomplete": "off"}
        ),
    )
    ssh_host_key = forms.CharField(
        label=gettext_lazy("Host key"),
        required=False,
        help_text=gettext_lazy(
            "The host's public key, as “ssh-keyscan -t ed25519 HOST” prints it. No other host is spoken to."
        ),
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "ssh-ed25519 AAAA…", "spellcheck": "false"}),
    )
    ssh_key = forms.CharField(
        label=gettext_lazy("Private key"),
        required=False,
        help_text=gettext_lazy(
            "Of a user there who may use Docker, without a passphrase. Kept encrypted, and never shown again."
        ),
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "placeholder": "-----BEGIN OPENSSH PRIVATE KEY-----",
                "autocomplete": "off",
                "spellcheck": "false",
            }
        ),
    )
    attributes = PairsField(
        label=gettext_lazy("Attributes"),
        help_text=gettext_lazy("For placement constraints: key=value, one a line. Optional."),
    )
    tags = TagsField()

    def __init__(self, *args: object, clusters: list[str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["cluster"].choices = [(name, name) for name in clusters]  # type: ignore[attr-defined]


@page
def register(request: HttpRequest) -> HttpResponseBase:
    me = caller(request)
    names = list(list_clusters(me).values_list("name", flat=True)[:500])
    data = request.POST if request.method == "POST" else None
    chosen = request.GET.get("cluster", DEFAULT_CLUSTER)
    form = InstanceForm(data, clusters=names, initial={"cluster": chosen})
    if request.method == "POST" and form.is_valid():
        found = _register(request, form, form.cleaned_data)
        if found is not None:
            return redirect("instance", found.cluster.name, found.pk)
    crumbs = [Crumb(_("Instances"), links.to("instances")), Crumb(_("Register an engine"))]
    context = {
        "form": form,
        "crumbs": crumbs,
        "may_register": may(request, "ecs:RegisterContainerInstance", here.cluster_arn(chosen)),
    }
    return render(request, "web/instance_register.html", context, status=400 if form.errors else 200)


def _register(
    request: HttpRequest, form: InstanceForm, given: Mapping[str, object]
) -> ContainerInstance | None:
    try:
        return register_container_instance(caller(request), **given)  # type: ignore[arg-type]
    except AccessDenied:
        raise
    except OperationError as error:
        mark(form, error, _FIELDS)
        return None
