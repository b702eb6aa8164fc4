"""Long answers, sent as they are made: a file of any length takes the memory of one piece."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import cast

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse


class Stream(StreamingHttpResponse):
    """An answer whose pieces are made by ordinary code, database and all. Django would collect such an iterator whole
    before it sent the first byte; this asks for one piece at a time, each in a thread."""

    def __init__(self, pieces: Iterator[bytes], *, content_type: str, filename: str) -> None:
        super().__init__(pieces, content_type=content_type)
        self["Content-Disposition"] = f'attachment; filename="{filename}"'
        self["Cache-Control"] = "no-store"

    async def __aiter__(self) -> AsyncIterator[bytes]:  # type: ignore[override]
        pieces = iter(cast(Iterator[bytes], self.streaming_content))

        def following() -> bytes | None:
            return next(pieces, None)

        while (piece := await sync_to_async(following)()) is not None:
            yield piece
