"""The form that sets an instance's own attributes."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from base.errors import AccessDenied, OperationError
from clusters.attributes import ZONE, checked_attributes, delete_attributes, put_attributes
from clusters.models import ContainerInstance
from clusters.queries import describe_container_instance
from console.web import links
from console.web.fields import PairsField
from console.web.forms import mark
from console.web.page import caller, may, page
from console.web.parts import Crumb


class AttributesForm(forms.Form):
    zone = forms.CharField(
        label=gettext_lazy("Availability zone"),
        max_length=128,
        help_text=gettext_lazy("What fails together: a room, a rack, a site. Tasks are spread over zones."),
    )
    attributes = PairsField(
        label=gettext_lazy("Own attributes"),
        help_text=gettext_lazy("key=value, one a line, at most 10: what placement constraints ask about."),
    )


def own_attributes(instance: ContainerInstance) -> dict[str, str]:
    return {name: value for name, value in sorted(instance.attributes.items()) if not name.startswith("ecs.")}


@page
def edit(request: HttpRequest, cluster: str, instance: str) -> HttpResponseBase:
    found = describe_container_instance(caller(request), cluster=cluster, container_instance=instance)
    before = own_attributes(found)
    back = links.instance(cluster, found.pk)
    initial = {
        "zone": found.availability_zone,
        "attributes": "\n".join(f"{name}={value}" for name, value in before.items()),
    }
    form = AttributesForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            _bring_about(request, found, before, form.cleaned_data)
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, dict.fromkeys(error.fields, "attributes"))
        else:
            messages.success(request, _("The attributes are saved."))
            return redirect(back)
    context = {
        "form": form,
        "instance": found,
        "back": back,
        "crumbs": [
            Crumb(_("Instances"), links.to("instances")),
            Crumb(str(found), back),
            Crumb(_("Attributes")),
        ],
        "may_put": may(request, "ecs:PutAttributes", found.arn),
    }
    return render(request, "web/instance_attributes.html", context, status=400 if form.errors else 200)


def _bring_about(
    request: HttpRequest, found: ContainerInstance, before: dict[str, str], given: dict[str, object]
) -> None:
    """Two operations at most. What could be refused is found before the first of them."""
    wanted: dict[str, str] = dict(given["attributes"])  # type: ignore[call-overload]
    changed = {name: value for name, value in wanted.items() if before.get(name) != value}
    if given["zone"] != found.availability_zone:
        changed[ZONE] = str(given["zone"])
    checked_attributes({**wanted, ZONE: str(given["zone"])})
    gone = [name for name in before if name not in wanted]
    me, cluster = caller(request), found.cluster.name
    if gone:
        attributes = [{"name": name, "targetId": found.arn} for name in gone]
        delete_attributes(me, cluster=cluster, attributes=attributes)
    if changed:
        put_attributes(
            me,
            cluster=cluster,
            attributes=[
                {"name": name, "value": value, "targetId": found.arn} for name, value in changed.items()
            ],
        )
