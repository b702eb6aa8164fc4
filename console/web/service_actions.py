"""What a person does to a service: scale, stop a deployment, delete. Each is one operation."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from base.errors import AccessDenied, OperationError
from console.web.forms import mark
from console.web.page import caller, may, page
from console.web.places import place, to_service
from services import configuration, deployment_operations, operations, queries, updating


class ScaleForm(forms.Form):
    desired_count = forms.IntegerField(
        label=gettext_lazy("Desired tasks"), min_value=0, max_value=configuration.MOST_TASKS
    )


@page
def scale(request: HttpRequest, cluster: str, service: str) -> HttpResponse:
    """The dialog of the service's page posts here; a mistake shows the form by itself."""
    found = queries.describe_service(caller(request), service=service, cluster=cluster)
    form = ScaleForm(request.POST or None, initial={"desired_count": found.desired_count})
    if request.method == "POST" and form.is_valid():
        try:
            count = form.cleaned_data["desired_count"]
            updating.update_service(caller(request), service=service, cluster=cluster, desired_count=count)
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, {"desiredCount": "desired_count"})
        else:
            messages.success(request, _("%(name)s scales to %(count)d.") % {"name": service, "count": count})
            return redirect("service", cluster, service)
    values = {
        "form": form,
        "service": found,
        "may_update": may(request, "ecs:UpdateService", found.arn),
        "crumbs": to_service(cluster, service, _("Scale")),
    }
    return render(request, "web/service/scale.html", values, status=400 if form.errors else 200)


@page
@require_POST
def stop_deployment(request: HttpRequest, cluster: str, service: str) -> HttpResponse:
    """ABORT the deployment that the dialog named: a newer one that began meanwhile is left alone."""
    deployment_operations.stop_service_deployment(
        caller(request), service_deployment=request.POST.get("deployment", ""), stop_type="ABORT"
    )
    messages.success(request, _("The deployment stops. What runs keeps running."))
    return redirect("service", cluster, service)


@page
@require_POST
def delete(request: HttpRequest, cluster: str, service: str) -> HttpResponse:
    if request.POST.get("confirm", "").strip() != service:
        messages.error(request, _("The name did not match: nothing was deleted."))
        return redirect("service", cluster, service)
    operations.delete_service(caller(request), service=service, cluster=cluster, force=True)
    messages.success(request, _("%(name)s is being deleted. Its tasks stop now.") % {"name": service})
    return redirect(place("service", cluster, service))
