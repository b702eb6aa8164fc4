"""The part of forms that says whether the tasks to be started get ECS's managed tags (enableECSManagedTags)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy

_ON, _OFF = "yes", "no"


class ManagedTagsForm(forms.Form):
    managed_tags = forms.ChoiceField(
        label=gettext_lazy("ECS managed tags"),
        choices=((_OFF, gettext_lazy("Off")), (_ON, gettext_lazy("On"))),
        initial=_OFF,
        required=False,
        help_text=gettext_lazy(
            "aws:ecs:clusterName on tasks started from now on, and aws:ecs:serviceName on those of services."
        ),
    )

    MANAGED_PATHS: ClassVar[dict[str, str]] = {"enableECSManagedTags": "managed_tags"}

    @staticmethod
    def managed_of(*, on: bool) -> str:
        """The field's value."""
        return _ON if on else _OFF

    @staticmethod
    def managed_parameters(given: Mapping[str, Any]) -> dict[str, bool]:
        """The operation's parameter; none where the form did not ask."""
        asked = given["managed_tags"]
        return {"enable_ecs_managed_tags": asked == _ON} if asked else {}
