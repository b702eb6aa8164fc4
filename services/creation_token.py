"""The clientToken of CreateService: a repeat answers the service that the first call made."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from base.errors import InvalidParameter, invalid
from clusters.models import Cluster
from services.models import Service

_TOKEN = re.compile(r"[\x21-\x7e]{1,36}")


def digest_of(request: Mapping[str, Any]) -> str:
    """What a call asks for, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()


def earlier(cluster: Cluster, token: str | None, digest: str) -> Service | None:
    """The active service of the cluster that was made with this token, or None. Raises InvalidParameter where it was
    made by a call that asked for something else.

    Two calls at once: the later one waits at the cluster's row for the commit, and then finds the service.
    """
    if not token:
        return None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise invalid("clientToken", "1 to 36 visible ASCII characters")
    Cluster.objects.select_for_update().get(pk=cluster.pk)
    known = Service.objects.filter(cluster=cluster, client_token=token, status=Service.Status.ACTIVE).first()
    if known is not None and known.request_digest != digest:
        raise InvalidParameter(
            f"Creation of service was not idempotent: the clientToken made {known.arn}, by a different request.",
            fields={"clientToken": "is in use with a different request"},
        )
    return known
