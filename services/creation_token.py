"""The clientToken of CreateService and CreateDaemon: a repeat answers what the first call made."""

from __future__ import annotations

from base.errors import InvalidParameter
from clusters.models import Cluster
from services.client_tokens import checked_token
from services.models import Service

_LONGEST = 36


def earlier(cluster: Cluster, token: str | None, digest: str, *, daemon: bool = False) -> Service | None:
    """The active service, or daemon, of the cluster that was made with this token, or None. Raises InvalidParameter
    where it was made by a call that asked for something else.

    Two calls at once: the later one waits at the cluster's row for the commit, and then finds the service.
    """
    token = checked_token(token, _LONGEST)
    if not token:
        return None
    Cluster.objects.select_for_update().get(pk=cluster.pk)
    rows = Service.every.filter(cluster=cluster, client_token=token, daemon=daemon)
    known = rows.filter(status=Service.Status.ACTIVE).first()
    if known is not None and known.request_digest != digest:
        raise InvalidParameter(
            f"Creation of {known.kind} was not idempotent: the clientToken made {known.arn}, by a different request.",
            fields={"clientToken": "is in use with a different request"},
        )
    return known
