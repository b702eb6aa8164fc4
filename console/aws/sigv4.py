"""AWS Signature Version 4, the receiving side: what was signed, and whether the signature is right. Pure.

Source: AWS General Reference, "Create a signed AWS API request". The published examples are in
tests/unit/console/aws/sigv4_suite.

The payload is always hashed here, whatever X-Amz-Content-Sha256 says: only S3 takes unsigned or streamed payloads.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote, unquote

from console.aws.request import WireRequest

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=15)
LONGEST_PRESIGNED = 604_800  # seconds: seven days
_STAMP = "%Y%m%dT%H%M%SZ"
_PARTS = ("Credential", "SignedHeaders", "Signature")
_HEX = re.compile(r"[0-9a-f]{64}")
_HASH = re.compile(r"[0-9a-f]{64}")


class Unsigned(Exception):
    """Nothing of a signature is there."""


class Incomplete(Exception):
    """A signature is meant, but not whole; the message says what is missing."""


class Wrong(Exception):
    """The signature is whole, but not for this request, this service or this time."""


@dataclass(frozen=True)
class Signed:
    """What a request says of its signature. `expires`: seconds, of a presigned one."""

    key_id: str
    date: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str = field(repr=False)
    stamp: str = ""
    token: str = field(default="", repr=False)
    expires: int | None = None

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def signed(request: WireRequest) -> Signed:
    """Read the signature's parts from the header, or from the query of a presigned request."""
    given = [value for value in request.headers.get("authorization", ()) if value]
    arguments = dict(request.arguments) if request.query else {}
    if given and "X-Amz-Signature" in arguments:
        raise Incomplete("A request is signed by its Authorization header or by its query, not by both.")
    if given:
        return _by_header(request, given)
    if any(name in arguments for name in ("X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential")):
        return _by_query(request)
    raise Unsigned


def _by_header(request: WireRequest, given: list[str]) -> Signed:
    if len(given) > 1:
        raise Incomplete("More than one Authorization header.")
    algorithm, _, rest = given[0].partition(" ")
    if algorithm != ALGORITHM:
        raise Incomplete(f"Unsupported signing algorithm: use {ALGORITHM}.")
    parts: dict[str, str] = {}
    for piece in rest.split(","):
        name, equals, value = piece.strip().partition("=")
        if not equals or name in parts:
            raise Incomplete(f"Invalid key=value pair in Authorization header: {piece.strip()[:60]!r}.")
        parts[name] = value.strip()
    missing = [f"Authorization header requires '{name}' parameter." for name in _PARTS if not parts.get(name)]
    stamp = request.header("x-amz-date") or _of_date_header(request.header("date"))
    if not stamp:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing:
        raise Incomplete(" ".join(missing))
    return _checked(
        request, parts["Credential"], parts["SignedHeaders"], parts["Signature"], stamp,
        token=request.header("x-amz-security-token"),
    )  # fmt: skip


def _by_query(request: WireRequest) -> Signed:
    found: dict[str, str] = {}
    for name, value in request.arguments:
        if name.startswith("X-Amz-"):
            if name in found:
                raise Incomplete(f"The query has more than one {name}.")
            found[name] = value
    needed = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    missing = [f"'X-Amz-{name}'" for name in needed if not found.get(f"X-Amz-{name}")]
    if missing:
        raise Incomplete(f"AWS query-string parameters must include {', '.join(missing)}.")
    if found["X-Amz-Algorithm"] != ALGORITHM:
        raise Incomplete(f"Unsupported signing algorithm: use {ALGORITHM}.")
    expires = found["X-Amz-Expires"]
    if not (expires.isascii() and expires.isdigit()) or not 1 <= int(expires[:9]) <= LONGEST_PRESIGNED:
        raise Incomplete(f"X-Amz-Expires must be from 1 to {LONGEST_PRESIGNED} seconds.")
    return _checked(
        request, found["X-Amz-Credential"], found["X-Amz-SignedHeaders"], found["X-Amz-Signature"],
        found["X-Amz-Date"], token=found.get("X-Amz-Security-Token", ""), expires=int(expires[:9]),
    )  # fmt: skip


def _checked(
    request: WireRequest,
    credential: str,
    headers: str,
    signature: str,
    stamp: str,
    *,
    token: str,
    expires: int | None = None,
) -> Signed:
    scope, names = _scope(credential), _header_names(headers)
    # What decides about a request has to be part of what was signed.
    must = ("x-amz-date", "x-amz-security-token", "x-amz-target", "x-amz-content-sha256")
    left_out = [name for name in must if request.headers.get(name) and name not in names]
    if left_out:
        raise Incomplete(f"These headers must be signed: {', '.join(left_out)}.")
    if _HEX.fullmatch(signature) is None:
        raise Wrong(_MISMATCH)
    return Signed(
        key_id=scope[0], date=scope[1], region=scope[2], service=scope[3], headers=names,
        signature=signature, stamp=stamp, token=token, expires=expires,
    )  # fmt: skip


# A client says both alike in all its calls. What is wrong is not kept; not many, since anybody may send them.
@lru_cache(maxsize=128)
def _scope(credential: str) -> tuple[str, ...]:
    # A key's id may hold no slash; everything behind the first of them is the scope.
    scope = tuple(credential.rsplit("/", 4))
    if len(scope) != 5 or scope[4] != "aws4_request" or not all(scope):
        raise Incomplete(
            "Credential must have five parts: <access key id>/<date>/<region>/<service>/aws4_request."
        )
    return scope


@lru_cache(maxsize=128)
def _header_names(headers: str) -> tuple[str, ...]:
    names = tuple(headers.split(";"))
    if list(names) != sorted(set(names)) or any(name != name.lower() or not name for name in names):
        raise Incomplete("SignedHeaders must be lower-case names, sorted and separated by semicolons.")
    if "host" not in names:
        raise Incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    return names


_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


def check_time(what: Signed, now: datetime) -> None:
    """Raises Wrong for a request that was not signed within 15 minutes of now, or whose presigned time is over."""
    try:
        at = _moment(what.stamp)
    except ValueError:
        raise Incomplete(f"Date must be in ISO-8601 'basic format'. Got '{what.stamp[:40]}'.") from None
    if what.stamp[:8] != what.date:
        raise Wrong(
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{what.date[:20]}' != '{what.stamp[:8]}', from '{what.stamp}'."
        )
    if at > now + SKEW:
        latest = (now + SKEW).strftime(_STAMP)
        raise Wrong(
            f"Signature not yet current: {what.stamp} is still later than {latest} ({now.strftime(_STAMP)} + 15 min.)"
        )
    if what.expires is not None:
        end = at + timedelta(seconds=what.expires)
        if now > end:
            raise Wrong(
                f"Signature expired: {end.strftime(_STAMP)} is now earlier than {now.strftime(_STAMP)}."
            )
    elif at < now - SKEW:
        earliest = (now - SKEW).strftime(_STAMP)
        raise Wrong(
            f"Signature expired: {what.stamp} is now earlier than {earliest} ({now.strftime(_STAMP)} - 15 min.)"
        )


def check_signature(what: Signed, request: WireRequest, secret: str) -> None:
    """Raises Wrong unless the request was signed with that secret, as it came."""
    claimed = request.header("x-amz-content-sha256")
    payload = hashlib.sha256(request.body).hexdigest()
    if claimed and (_HASH.fullmatch(claimed) is None or not hmac.compare_digest(claimed, payload)):
        raise Wrong(
            "The X-Amz-Content-Sha256 header is not the SHA-256 of the payload, which must be signed."
        )
    ours = signature(what, canonical_request(what, request, payload), secret)
    if not hmac.compare_digest(ours, what.signature):
        raise Wrong(_MISMATCH)


def signature(what: Signed, canonical: str, secret: str) -> str:
    """In lower-case hex."""
    key = _signing_key(secret, what.date, what.region, what.service)
    return hmac.new(key, _bytes(string_to_sign(what, canonical)), hashlib.sha256).hexdigest()


def string_to_sign(what: Signed, canonical: str) -> str:
    digest = hashlib.sha256(_bytes(canonical)).hexdigest()
    return f"{ALGORITHM}\n{what.stamp}\n{what.scope}\n{digest}"


def canonical_request(what: Signed, request: WireRequest, payload: str) -> str:
    lines = [f"{name}:{_folded(request.headers, name)}" for name in what.headers]
    return "\n".join(
        [
            request.method,
            canonical_path(request.path),
            canonical_query(request.query),
            *lines,
            "",
            ";".join(what.headers),
            payload,
        ]
    )


def canonical_path(path: str) -> str:
    """Without `.`, `..` and empty segments, encoded once more than it was sent."""
    if path in ("", "/"):
        return "/"
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    last = "/" if path.endswith("/") and kept else ""
    return quote(f"/{'/'.join(kept)}{last}", safe="/~", errors="surrogateescape")


def canonical_query(query: str) -> str:
    """Names and values encoded in one way, sorted; without the signature itself."""
    if not query:
        return ""
    pairs = []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name and name != "X-Amz-Signature":
            pairs.append((_encoded(name), _encoded(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    return quote(unquote(text, errors="surrogateescape"), safe="-_.~", errors="surrogateescape")


def _folded(headers: Mapping[str, list[str]], name: str) -> str:
    return ",".join(" ".join(value.split()) for value in headers.get(name, ()))


@lru_cache(maxsize=64)
def _moment(stamp: str) -> datetime:
    """Kept, since all calls of one second share a stamp. A ValueError where it is none."""
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)


@lru_cache(maxsize=1024)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, _bytes(part), hashlib.sha256).digest()
    return key


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _of_date_header(text: str) -> str:
    """An HTTP date as a stamp; "" for none."""
    for form in (_STAMP, "%a, %d %b %Y %H:%M:%S GMT"):
        try:
            return datetime.strptime(text, form).strftime(_STAMP)
        except ValueError:
            continue
    return ""
