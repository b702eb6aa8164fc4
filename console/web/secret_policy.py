"""/secret-policy/<name>/: a secret's own policy, in the editor of policies."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from base.errors import AccessDenied, OperationError
from console.web import links, policy_editor, policy_examples
from console.web.page import attempt, caller, may, page
from console.web.parts import Crumb
from vault.models import Secret
from vault.policies import delete_resource_policy, get_resource_policy, put_resource_policy
from vault.queries import describe_secret


@page
def edit(request: HttpRequest, name: str) -> HttpResponseBase:
    secret = describe_secret(caller(request), secret_id=name)
    present = get_resource_policy(caller(request), secret_id=name).resource_policy
    if request.method != "POST":
        return _edit(
            request, secret, policy_editor.draft_of(present or policy_examples.start("resource"), "resource")
        )
    draft, save = policy_editor.posted(request, "resource")
    if not save or not draft.right or draft.document is None:
        return _edit(request, secret, draft, status=400 if save else 200)
    try:
        put_resource_policy(
            caller(request), secret_id=name, resource_policy=draft.document, block_public_policy=True
        )
    except AccessDenied:
        raise
    except OperationError as error:
        return _edit(request, secret, policy_editor.refused(draft, error), status=400)
    messages.success(request, _("The policy of %(name)s was saved.") % {"name": name})
    return redirect("secret", name)


def _edit(
    request: HttpRequest, secret: Secret, draft: policy_editor.Draft, *, status: int = 200
) -> HttpResponseBase:
    here = links.to("secret", secret.name)
    context = {
        "draft": draft,
        "title": _("The policy of %(name)s") % {"name": secret.name},
        "say": _("Who else may use this secret, or may not, whatever their own policies say."),
        "save": _("Save the policy"),
        "back": here,
        "may_save": may(request, "secretsmanager:PutResourcePolicy", secret.arn),
        "crumbs": [Crumb(_("Secrets"), links.to("secrets")), Crumb(secret.name, here), Crumb(_("Policy"))],
        "cli": f"aws secretsmanager put-resource-policy --secret-id {secret.name} --resource-policy file://policy.json",
    }
    return render(request, "web/access/policy_edit.html", context, status=status)


@require_POST
@page
def delete(request: HttpRequest, name: str) -> HttpResponseBase:
    here = links.to("secret", name)
    return attempt(
        request,
        lambda: delete_resource_policy(caller(request), secret_id=name),
        _("%(name)s has no policy of its own any more.") % {"name": name},
        done=here,
        failed=here,
    )
