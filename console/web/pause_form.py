"""The part of forms that says where deployments pause for an approval (lifecycleHooks of type PAUSE)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy

from services.hooks import DEFAULT_MINUTES, LONGEST_MINUTES, PAUSE

_NEVER, _KEEP = "never", "keep"
_PLACES = (
    (_NEVER, gettext_lazy("Never")),
    ("PRE_SCALE_UP", gettext_lazy("Before anything of it starts (PRE_SCALE_UP)")),
    ("POST_SCALE_UP", gettext_lazy("When all its tasks are healthy (POST_SCALE_UP)")),
    ("PRE_SCALE_UP POST_SCALE_UP", gettext_lazy("At both")),
    ("RECONCILE_SERVICE", gettext_lazy("Only where it overtakes another one (RECONCILE_SERVICE)")),
)
_KEPT = (_KEEP, gettext_lazy("As it is configured now"))


class PauseForm(forms.Form):
    pause_at = forms.ChoiceField(
        label=gettext_lazy("Pause for approval"),
        choices=_PLACES,
        initial=_NEVER,
        required=False,
        help_text=gettext_lazy("A deployment waits there until somebody continues it or rolls it back."),
    )
    pause_minutes = forms.IntegerField(
        label=gettext_lazy("Approval times out after, minutes"),
        min_value=1,
        max_value=LONGEST_MINUTES,
        initial=DEFAULT_MINUTES,
        required=False,
    )
    pause_action = forms.ChoiceField(
        label=gettext_lazy("Without an answer"),
        choices=(
            ("ROLLBACK", gettext_lazy("Roll the deployment back")),
            ("CONTINUE", gettext_lazy("Continue the deployment")),
        ),
        initial="ROLLBACK",
        required=False,
    )

    PAUSE_PATHS: ClassVar[dict[str, str]] = {"deploymentConfiguration.lifecycleHooks": "pause_at"}

    def offer(self, hooks: Sequence[Mapping[str, Any]]) -> None:
        """Where this form has no words for the hooks there are, it offers to leave them as they are."""
        field = self.fields["pause_at"]
        if self.pauses_of(hooks).get("pause_at") == _KEEP:
            field.choices = (_KEPT, *_PLACES)  # type: ignore[attr-defined]

    def place_in_words(self) -> str:
        """What is chosen, or "" for never."""
        value = self["pause_at"].value()
        return "" if value in (None, "", _NEVER) else str(dict((_KEPT, *_PLACES)).get(value, ""))

    @staticmethod
    def pauses_of(hooks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The fields' values for these hooks, which are complete."""
        if not hooks:
            return {"pause_at": _NEVER}
        first = hooks[0]
        place = " ".join(first["lifecycleStages"])
        if len(hooks) > 1 or place not in dict(_PLACES):
            return {"pause_at": _KEEP}
        timeout = first["timeoutConfiguration"]
        return {
            "pause_at": place,
            "pause_minutes": timeout["timeoutInMinutes"],
            "pause_action": timeout["action"],
        }

    @staticmethod
    def pause_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
        """Of the deployment configuration; nothing where the form did not ask or they stay."""
        place = given["pause_at"]
        if place in ("", _KEEP):
            return {}
        if place == _NEVER:
            return {"lifecycleHooks": []}
        timeout = {
            "timeoutInMinutes": given["pause_minutes"] or DEFAULT_MINUTES,
            "action": given["pause_action"] or "ROLLBACK",
        }
        hook = {"targetType": PAUSE, "lifecycleStages": place.split(), "timeoutConfiguration": timeout}
        return {"lifecycleHooks": [hook]}
