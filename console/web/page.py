"""What every page view shares: the signed-in caller, refusals shown as pages, and the state of a list in the URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from access.registry import Caller
from base.errors import AccessDenied, OperationError
from console.web import errors
from console.web.parts import May

P = ParamSpec("P")
M = TypeVar("M", bound=Model)
PER_PAGE = 50


def caller(request: HttpRequest) -> Caller:
    """Who calls, with what they may do: one query, or three in a role; once per request."""
    assert request.user.is_authenticated
    known: Caller = request.caller  # type: ignore[attr-defined]
    return known


def may(
    request: HttpRequest, action: str, resource: str, owners: Sequence[str] = (), reason: str = ""
) -> May:
    """For buttons: whether the person may, or why not. `reason` refuses regardless ("nothing to stop")."""
    if reason:
        return May(False, action, resource, reason)
    return May(caller(request).may(action, resource, owners=owners).allowed, action, resource)


def page(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """A view for people who are signed in; a refusal of the domain becomes a page that explains it."""

    @wraps(view)
    def answer(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            if request.headers.get("X-Fragments") or request.headers.get("HX-Request"):
                return HttpResponse(status=401, headers={"HX-Refresh": "true"})
            return redirect_to_login(_asked_from(request), settings.LOGIN_URL)
        try:
            return view(request, *args, **kwargs)
        except OperationError as error:
            return errors.refusal(request, error)

    return answer


def _asked_from(request: HttpRequest) -> str:
    """Where to go on after signing in: the page itself, or for a form that was sent the page it stood on."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    before = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(before, {request.get_host()}, request.is_secure()):
        return "/"
    parts = urlsplit(before)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def attempt(
    request: HttpRequest, work: Callable[[], object], said: str, *, done: str, failed: str
) -> HttpResponseBase:
    """Do `work`, say so and go to `done`. A refusal is said on `failed`; a missing permission has its own page."""
    try:
        work()
    except AccessDenied:
        raise
    except OperationError as error:
        messages.error(request, str(error))
        return redirect(failed or "/")
    messages.success(request, said)
    return redirect(done or "/")


def wanted(request: HttpRequest, *names: str) -> bool:
    """Whether any of these fragments is asked for: a full page asks for all of them."""
    asked = request.headers.get("X-Fragments", "")
    return not asked or bool(set(names) & set(asked.split(",")))


@dataclass(frozen=True, slots=True)
class ListState:
    """A list as its URL describes it: `?q=&state=&sort=&page=`. Unknown sort keys fall back to the default."""

    q: str
    state: str
    sort: str
    order_by: tuple[str, ...]
    number: int

    @classmethod
    def of(cls, request: HttpRequest, sorts: Mapping[str, Sequence[str]], default: str) -> ListState:
        """`sorts`: key in the URL -> columns; "-key" turns them round. `default` may start with "-"."""
        asked = request.GET.get("sort", default)
        if asked.removeprefix("-") not in sorts:
            asked = default
        columns = sorts[asked.removeprefix("-")]
        if asked.startswith("-"):
            columns = [column[1:] if column.startswith("-") else f"-{column}" for column in columns]
        number = request.GET.get("page", "1")
        return cls(
            q=request.GET.get("q", "").strip()[:200],
            state=request.GET.get("state", ""),
            sort=asked,
            order_by=tuple(columns),
            number=int(number) if number.isdigit() else 1,
        )

    def page_of(self, rows: QuerySet[M], per_page: int = PER_PAGE) -> Page[M]:
        """The page asked for, or the last one there is. Two queries."""
        return Paginator(rows.order_by(*self.order_by), per_page).get_page(self.number)


def address(path: str, **query: Any) -> str:
    """`path` with those parameters that are not empty."""
    kept = {key: value for key, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept)}" if kept else path
