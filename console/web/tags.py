"""The tags of a resource: a card on its page, and the form behind it. Every room's own operations change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import registry
from access.caller import Caller
from base.errors import AccessDenied, OperationError
from base.tags import checked
from console.web import links
from console.web.fields import TagsField
from console.web.forms import mark
from console.web.page import caller, may, page
from console.web.parts import Crumb
from services.tagging import list_tags_for_resource


@dataclass(frozen=True, slots=True)
class _Kind:
    """`tag` and `untag` name operations; `read` finds the tags; `parameters` name the resource of its ARN."""

    action: str
    tag: str
    untag: str
    read: Callable[[Caller, Mapping[str, str]], Mapping[str, str]]
    parameters: Callable[[str], dict[str, str]]


def _described(operation: str) -> Callable[[Caller, Mapping[str, str]], Mapping[str, str]]:
    return lambda me, named: dict(registry.call(operation, me, **named).tags)


_ECS = _Kind(
    "ecs:TagResource",
    "tag_resource",
    "untag_resource",
    lambda me, named: list_tags_for_resource(me, **named),
    lambda arn: {"resource_arn": arn},
)
# How an ARN begins after "arn:aws:" -> what tags such a resource; all others are ECS's.
_KINDS = {
    "secretsmanager": _Kind(
        "secretsmanager:TagResource",
        "tag_secret",
        "untag_secret",
        _described("describe_secret"),
        lambda arn: {"secret_id": arn},
    ),
    "ssm": _Kind(
        "ssm:AddTagsToResource",
        "tag_parameter",
        "untag_parameter",
        _described("describe_parameter"),
        lambda arn: {"name": arn},
    ),
    "iam": _Kind(
        "iam:TagPolicy",
        "tag_policy",
        "untag_policy",
        _described("get_policy"),
        lambda arn: {"policy": arn.rpartition("/")[2]},
    ),
}


def _kind(arn: str) -> _Kind:
    parts = arn.split(":", 3)
    return _KINDS.get(parts[2], _ECS) if len(parts) > 2 else _ECS


def permission(arn: str) -> str:
    """The action that tags this resource."""
    return _kind(arn).action


class TagsForm(forms.Form):
    tags = TagsField(
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "placeholder": "team=shop"}),
        help_text=gettext_lazy("key=value, one a line. What is not listed any more is taken away."),
    )


@page
def edit(request: HttpRequest) -> HttpResponseBase:
    arn = request.GET.get("arn", "")
    kind = _kind(arn)
    before = kind.read(caller(request), kind.parameters(arn))
    back = links.of_arn(arn) or "/"
    form = TagsForm(request.POST or None, initial={"tags": "\n".join(f"{k}={v}" for k, v in before.items())})
    if request.method == "POST" and form.is_valid():
        try:
            _bring_about(caller(request), kind, arn, before, form.cleaned_data["tags"])
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, {"tags": "tags"})
        else:
            messages.success(request, _("The tags are saved."))
            return redirect(back)
    name = links.secret_name(arn) if ":secret:" in arn else arn.rsplit("/", 1)[-1]
    context = {
        "form": form,
        "arn": arn,
        "name": name,
        "back": back,
        "crumbs": [Crumb(name, back), Crumb(_("Tags"))],
        "may_tag": may(request, kind.action, arn),
    }
    return render(request, "web/tags.html", context, status=400 if form.errors else 200)


def _bring_about(
    me: Caller, kind: _Kind, arn: str, before: Mapping[str, str], wanted: Mapping[str, str]
) -> None:
    """Two operations at most. What could be refused is found before the first of them."""
    checked(wanted)
    named = kind.parameters(arn)
    changed = {key: value for key, value in wanted.items() if before.get(key) != value}
    gone = [key for key in before if key not in wanted]
    if gone:
        registry.call(kind.untag, me, **named, tag_keys=gone)
    if changed:
        registry.call(kind.tag, me, **named, tags=changed)
