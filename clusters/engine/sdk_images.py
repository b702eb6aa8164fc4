"""Images of one Docker Engine."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .errors import EngineUnavailable, ImageNotFound, PullFailed
from .port import ImageInfo, InUse, PullProgress
from .refusals import image_refusal, load_refusal, pull_refusal, remove_image_refusal
from .translate_state import image_info, image_summary, in_use, split_reference
from .transport import Stream, Transport, segment

# A registry may be slow, and unpacking a large layer is silent.
_PULL_SILENCE = 300.0
_IMPORT_TIMEOUT = 600.0
# An engine writes all layers down before it sends the first, and unpacks them after it took the last.
_SAVE_SILENCE = 600.0


class ImageCalls:
    """The image half of the port, over one transport."""

    _transport: Transport

    def image(self, reference: str) -> ImageInfo | None:
        try:
            raw = self._transport.call("GET", f"/images/{_path(reference)}/json", refusal=image_refusal)
        except ImageNotFound:
            return None
        return image_info(raw, reference)

    def pull(self, reference: str, auth: tuple[str, str] | None = None) -> Iterator[PullProgress]:
        repository, tag = split_reference(reference)
        stream = self._transport.stream(
            "POST",
            "/images/create",
            # Without a tag the engine would pull every tag there is.
            params={"fromImage": repository, "tag": tag},
            headers=_registry_auth(auth),
            read_timeout=_PULL_SILENCE,
            refusal=pull_refusal,
        )
        return _progress(stream)

    def import_image(self, tar: bytes, reference: str, changes: Sequence[str] = ()) -> ImageInfo:
        repository, tag = split_reference(reference)
        self._transport.call(
            "POST",
            "/images/create",
            params={"fromSrc": "-", "repo": repository, "tag": tag, "changes": list(changes)},
            data=tar,
            headers={"Content-Type": "application/x-tar"},
            read_timeout=_IMPORT_TIMEOUT,
        )
        found = self.image(reference)
        if found is None:
            raise ImageNotFound(f"{reference} was imported, but the engine does not have it.")
        return found

    def save_image(self, image_id: str) -> Iterator[bytes]:
        # Asked for what it does not have, the engine speaks of its own files.
        if self.image(image_id) is None:
            raise ImageNotFound(f"No such image: {image_id}")
        stream = self._transport.stream(
            "GET",
            f"/images/{_path(image_id)}/get",
            read_timeout=_SAVE_SILENCE,
            refusal=image_refusal,
        )
        return stream.chunks()

    def load_image(self, archive: Iterable[bytes]) -> None:
        stream = self._transport.stream(
            "POST",
            "/images/load",
            params={"quiet": "1"},
            data=archive,
            headers={"Content-Type": "application/x-tar"},
            read_timeout=_SAVE_SILENCE,
            refusal=load_refusal,
        )
        try:
            for line in stream.lines():
                item = json.loads(line)
                if "error" in item:
                    raise load_refusal(0, _told(item))
        except ValueError as error:
            raise PullFailed(f"The load broke off: {error}") from error
        finally:
            stream.close()

    def list_images(self) -> Sequence[ImageInfo]:
        return [image_summary(raw) for raw in self._transport.call("GET", "/images/json")]

    def in_use(self) -> InUse:
        return in_use(self._transport.call("GET", "/containers/json", params={"all": "1"}))

    def remove_image(self, reference: str) -> None:
        with contextlib.suppress(ImageNotFound):
            self._transport.call("DELETE", f"/images/{_path(reference)}", refusal=remove_image_refusal)


def _told(item: dict[str, Any]) -> str:
    """Of a failure within an answer, after a 200."""
    return str((item.get("errorDetail") or {}).get("message") or item["error"])


def _path(reference: str) -> str:
    """A reference as a path: its slashes stay, the rest is quoted."""
    return "/".join(segment(part).replace("%40", "@") for part in reference.split("/"))


def _registry_auth(auth: tuple[str, str] | None) -> dict[str, str]:
    if auth is None:
        return {}
    document = json.dumps({"username": auth[0], "password": auth[1]}).encode()
    return {"X-Registry-Auth": base64.urlsafe_b64encode(document).decode()}


def _progress(stream: Stream) -> Iterator[PullProgress]:
    """Sum up the layers. The engine tells of a failure within its answer, after a 200."""
    layers: dict[str, tuple[int, int]] = {}
    try:
        for line in stream.lines():
            item: dict[str, Any] = json.loads(line)
            if "error" in item:
                raise pull_refusal(0, _told(item))
            _count(layers, item)
            yield PullProgress(
                status=str(item.get("status") or ""),
                done=sum(done for done, _ in layers.values()),
                total=sum(total for _, total in layers.values()),
            )
    except EngineUnavailable as error:
        raise PullFailed(f"The pull broke off: {error}") from error
    except ValueError as error:
        raise PullFailed(f"The pull broke off: {error}") from error
    finally:
        stream.close()


def _count(layers: dict[str, tuple[int, int]], item: dict[str, Any]) -> None:
    layer, status, detail = str(item.get("id") or ""), item.get("status"), item.get("progressDetail") or {}
    if status == "Downloading" and detail.get("total"):
        layers[layer] = (int(detail.get("current") or 0), int(detail["total"]))
    elif status in ("Download complete", "Pull complete") and layer in layers:
        layers[layer] = (layers[layer][1], layers[layer][1])
