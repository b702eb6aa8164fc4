"""Registering a task definition, from a form or from JSON: two panes of one page that stay in step.

The form posts everything with `source` saying which pane was written in last: that one counts. `do=sync` (sent by
static/js/taskdef.js while one types) answers the page with the other pane filled from it; `do=add` and `do=drop-N`
change the number of containers and work without scripts too; `do=register` registers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from base import here
from base.errors import AccessDenied, OperationError
from console.web.page import caller, may, page
from console.web.places import to_family
from services import queries
from services.definitions import register_task_definition
from services.taskdef import form as taskform
from services.taskdef.errors import InvalidDocument
from services.taskdef.form import InvalidForm
from services.taskdef.validate import registrable, validate

Document = dict[str, Any]
_MOST_CONTAINERS = 50
_NEW: Document = {
    "family": "",
    "networkMode": "bridge",
    "containerDefinitions": [{"name": "", "image": "", "essential": True}],
}


@dataclass
class State:
    """What both panes show. `problems`: of the form by field, `document_problems` of the JSON as sentences."""

    fields: dict[str, str]
    text: str
    source: str = "form"
    problems: dict[str, list[str]] = field(default_factory=dict)
    document_problems: list[str] = field(default_factory=list)

    @property
    def numbers(self) -> list[int]:
        """Of the containers the form shows."""
        found = {int(name.split("-")[1]) for name in self.fields if name.startswith("containers-")}
        return sorted(found)[:_MOST_CONTAINERS]

    def value(self, name: str) -> str:
        return self.fields.get(name, "")


@page
def show(request: HttpRequest) -> HttpResponse:
    origin = request.GET.get("from", "")
    if request.method != "POST":
        state = _from_document(_start(request, origin))
        state.source = "form"
        return _answer(request, state, origin)
    todo = request.POST.get("do", "register")
    if todo == "register":
        return _register(request, origin)
    state = _read(request.POST)
    if todo == "sync":
        return _answer(request, _in_step(state, marks=state.source == "json"), origin)
    _reshape(state, todo)
    return _answer(request, _in_step(state, marks=False), origin)


def _start(request: HttpRequest, origin: str) -> Document:
    """The document to begin with: that of another revision, or an empty one of the family asked for."""
    if origin:
        return registrable(queries.describe_task_definition(caller(request), task_definition=origin).document)
    return {**_NEW, "family": request.GET.get("family", "")}


# ---- the two panes -----------------------------------------------------------------------------


def _read(data: QueryDict) -> State:
    known = {*taskform.TASK_FIELDS, "launch_types"}
    fields = {name: str(data[name]) for name in data if name in known or name.startswith("containers-")}
    fields = {name: text for name, text in fields.items() if _known(name, known)}
    return State(fields, data.get("document", ""), "json" if data.get("source") == "json" else "form")


def _known(name: str, known: set[str]) -> bool:
    parts = name.split("-")
    return name in known or (
        len(parts) == 3 and parts[1].isdigit() and len(parts[1]) < 4 and parts[2] in taskform.CONTAINER_FIELDS
    )


def _parsed(text: str) -> tuple[Document | None, str]:
    """The JSON pane as a document, or what is wrong with its writing."""
    found, unread = json_object(text)
    return (registrable(found) if found is not None else None), unread


def json_object(text: str) -> tuple[Document | None, str]:
    """A JSON object, or what is wrong with its writing."""
    try:
        found = json.loads(text)
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError):
            where = {"line": error.lineno, "column": error.colno, "reason": error.msg}
            return None, _("Line %(line)d, column %(column)d: %(reason)s.") % where
        return None, str(error)
    if not isinstance(found, dict):
        return None, _("A task definition is a JSON object: it begins with { and ends with }.")
    return found, ""


def _from_document(document: Document) -> State:
    return State(_fields_of(document) or {}, _written(document), "json")


def _fields_of(document: Document) -> dict[str, str] | None:
    """The form's fields; None where the document is too wrong to have any."""
    try:
        return taskform.to_form(validate(document))
    except InvalidDocument:
        pass
    try:
        return taskform.to_form(document)
    except (KeyError, TypeError, AttributeError, ValueError):
        return None


def _written(document: Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _in_step(state: State, *, marks: bool) -> State:
    """Fill the pane that was not written in. `marks`: tell the mistakes as well."""
    base, unread = _parsed(state.text)
    if state.source == "json":
        if base is None:
            state.document_problems = [unread]
            return state
        state.fields = _fields_of(base) or state.fields
        if marks:
            state.document_problems = _problems_of(base)
        return state
    try:
        state.text = _written(taskform.from_form(state.fields, base))
    except InvalidForm as error:
        state.problems = error.by_field
    return state


def _problems_of(document: Document) -> list[str]:
    try:
        validate(document)
    except InvalidDocument as error:
        return [str(problem) for problem in error.problems]
    return []


def _reshape(state: State, todo: str) -> None:
    """One container more, or one less."""
    if state.source == "json":
        base, _reason = _parsed(state.text)
        state.fields = (_fields_of(base) if base is not None else None) or state.fields
        state.source = "form"
    numbers = state.numbers
    if todo == "add" and len(numbers) < _MOST_CONTAINERS:
        new = max(numbers, default=-1) + 1
        state.fields |= {f"containers-{new}-name": "", f"containers-{new}-essential": "on"}
    elif todo.startswith("drop-") and len(numbers) > 1:
        gone = f"containers-{todo.removeprefix('drop-')}-"
        state.fields = {name: text for name, text in state.fields.items() if not name.startswith(gone)}


# ---- registering -------------------------------------------------------------------------------


def _register(request: HttpRequest, origin: str) -> HttpResponse:
    state = _read(request.POST)
    document = _document_of(state)
    if document is None:
        return _answer(request, state, origin, status=400)
    try:
        row = register_task_definition(caller(request), document=document)
    except AccessDenied:
        raise
    except OperationError as error:
        state.document_problems = [f"{path}: {reason}" for path, reason in error.fields.items()] or [
            str(error)
        ]
        return _answer(request, state, origin, status=400)
    messages.success(request, _("%(name)s is registered.") % {"name": row})
    return redirect("task-definition", row.family.name, row.revision)


def _document_of(state: State) -> Document | None:
    """The document of the pane that counts; None, and its mistakes in `state`, where it has any."""
    base, unread = _parsed(state.text)
    if state.source == "json":
        if base is None:
            state.document_problems = [unread]
            return None
        state.fields = _fields_of(base) or state.fields
        state.document_problems = _problems_of(base)
        return None if state.document_problems else base
    try:
        document = taskform.check_form(state.fields, base)
    except InvalidForm as error:
        state.problems = error.by_field
        return None
    state.text = _written(document)
    return document


def _answer(request: HttpRequest, state: State, origin: str, status: int = 200) -> HttpResponse:
    family = state.value("family")
    values = {
        "state": state,
        "containers": [Container(state, number) for number in state.numbers] or [Container(state, 0)],
        "origin": origin,
        "general": state.problems.get("", []),
        "may_register": may(
            request, "ecs:RegisterTaskDefinition", here.task_definition_arn(family or "*", "*")
        ),
        "crumbs": to_family(family if origin else "", _("Register")),
        "network_modes": ("bridge", "awsvpc", "host", "none"),
    }
    return render(request, "web/definitions/register.html", values, status=status)


@dataclass(frozen=True)
class Container:
    """One container's part of the form, for the template."""

    state: State
    number: int

    @property
    def prefix(self) -> str:
        return f"containers-{self.number}-"

    @property
    def title(self) -> str:
        return self.state.value(f"{self.prefix}name") or _("New container")

    @property
    def essential(self) -> bool:
        return self.state.value(f"{self.prefix}essential") == "on"

    @property
    def more(self) -> bool:
        """Whether anything of its folded part is filled or wrong, so that it stands open."""
        folded = ("entry_point", "command", "health_command", "memory_reservation")
        names = [f"{self.prefix}{name}" for name in (*folded, *taskform.HEALTH_NUMBERS)]
        return any(self.state.value(name) or name in self.state.problems for name in names)
