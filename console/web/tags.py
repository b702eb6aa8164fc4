"""The tags of an ECS resource: a card on its page, and the form behind it."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from base.errors import AccessDenied, OperationError
from base.tags import checked
from console.web import links
from console.web.fields import TagsField
from console.web.forms import mark
from console.web.page import caller, may, page
from console.web.parts import Crumb
from services.tagging import list_tags_for_resource, tag_resource, untag_resource

_TAG = "ecs:TagResource"


class TagsForm(forms.Form):
    tags = TagsField(
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "placeholder": "team=shop"}),
        help_text=gettext_lazy("key=value, one a line. What is not listed any more is taken away."),
    )


@page
def edit(request: HttpRequest) -> HttpResponseBase:
    me = caller(request)
    arn = request.GET.get("arn", "")
    before = list_tags_for_resource(me, resource_arn=arn)
    back = links.of_arn(arn) or "/"
    form = TagsForm(request.POST or None, initial={"tags": "\n".join(f"{k}={v}" for k, v in before.items())})
    if request.method == "POST" and form.is_valid():
        try:
            _bring_about(request, arn, before, form.cleaned_data["tags"])
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, {"tags": "tags"})
        else:
            messages.success(request, _("The tags are saved."))
            return redirect(back)
    name = arn.rsplit("/", 1)[-1]
    context = {
        "form": form,
        "arn": arn,
        "name": name,
        "back": back,
        "crumbs": [Crumb(name, back), Crumb(_("Tags"))],
        "may_tag": may(request, _TAG, arn),
    }
    return render(request, "web/tags.html", context, status=400 if form.errors else 200)


def _bring_about(request: HttpRequest, arn: str, before: dict[str, str], wanted: dict[str, str]) -> None:
    """Two operations at most. What could be refused is found before the first of them."""
    checked(wanted)
    changed = {key: value for key, value in wanted.items() if before.get(key) != value}
    gone = [key for key in before if key not in wanted]
    if gone:
        untag_resource(caller(request), resource_arn=arn, tag_keys=gone)
    if changed:
        tag_resource(caller(request), resource_arn=arn, tags=changed)
