"""AWS clients: where they find this installation, with which keys, and what to paste into them."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from access.identities.keys import list_access_keys
from base.errors import AccessDenied
from console.web.own import own_caller
from console.web.page import page

_SECRET = "..."  # noqa: S105 - what stands in its place
_KEY = "AKIA..."


@dataclass(frozen=True)
class Sample:
    title: str
    text: str
    note: str = ""


@page
@never_cache
def show(request: HttpRequest) -> HttpResponseBase:
    me = own_caller(request)
    try:
        keys = list(list_access_keys(me, username=me.name))
    except AccessDenied:
        keys = []
    active = next((one.key_id for one in keys if one.active), _KEY)
    endpoint = settings.SLIPWAY_URL or f"{request.scheme}://{request.get_host()}"
    context = {
        "endpoint": endpoint,
        "region": settings.SLIPWAY_REGION,
        "account": settings.SLIPWAY_ACCOUNT_ID,
        "keys": keys,
        "keys_url": reverse("user", args=[me.name]) + "#keys",
        "samples": _samples(endpoint, settings.SLIPWAY_REGION, active),
    }
    return render(request, "web/programs.html", context)


def _samples(endpoint: str, region: str, key: str) -> list[Sample]:
    variables = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": _SECRET,
    }
    profile = [
        "[profile slipway]",
        f"endpoint_url = {endpoint}",
        f"region = {region}",
        f"aws_access_key_id = {key}",
        f"aws_secret_access_key = {_SECRET}",
    ]
    boto3 = [
        "import boto3",
        "",
        f'session = boto3.Session("{key}", "{_SECRET}", region_name="{region}")',
        f'ecs = session.client("ecs", endpoint_url="{endpoint}")',
        "print(ecs.list_clusters())",
    ]
    deploy = "aws ecs update-service --cluster default --service web --task-definition web"
    wait = "aws ecs wait services-stable --cluster default --services web"
    ci = [
        "env:",
        f"  AWS_ENDPOINT_URL: {endpoint}",
        f"  AWS_REGION: {region}",
        "  AWS_ACCESS_KEY_ID: ${{ secrets.SLIPWAY_KEY_ID }}",
        "  AWS_SECRET_ACCESS_KEY: ${{ secrets.SLIPWAY_SECRET }}",
        "steps:",
        f"  - run: {deploy}",
        f"  - run: {wait}",
    ]
    return [
        Sample(_("Shell"), "\n".join(f"export {name}={value}" for name, value in variables.items())),
        Sample(
            _("AWS CLI, as a profile"),
            "\n".join(profile),
            _("In ~/.aws/config; then: aws --profile slipway …"),
        ),
        Sample("boto3", "\n".join(boto3)),
        Sample(_("CI"), "\n".join(ci), _("Give the pipeline a user of its own, with no more than it needs.")),
    ]
