"""What terminals were sent, kept in pieces: bounded, in order, readable while the session goes on."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from base import clock
from services.execute import sessions
from services.execute.models import ExecTranscript

PIECE = 64 * 1024
"""Bytes gathered before they are written without waiting for the next `flush`."""


class Transcript:
    """Of one session, written by the one thread that holds it. What does not fit is left out, and noted."""

    def __init__(self, session_id: str) -> None:
        self._session = session_id
        self._gathered = bytearray()
        self._left = settings.SLIPWAY_EXEC_TRANSCRIPT_KIB * 1024
        self._number = 0
        self._cut = False

    def add(self, data: bytes) -> None:
        kept = data[: self._left]
        self._cut = self._cut or len(kept) < len(data)
        self._left -= len(kept)
        self._gathered += kept
        if len(self._gathered) >= PIECE:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered. Raises DatabaseError: a session that must be kept and cannot be must end."""
        if self._gathered:
            self._number += 1
            ExecTranscript.objects.create(
                session_id=self._session, number=self._number, at=clock.now(), data=bytes(self._gathered)
            )
        if self._gathered or self._cut:
            sessions.kept_transcript(self._session, len(self._gathered), cut=self._cut)
        self._gathered.clear()


def read(session_id: str) -> Iterator[bytes]:
    rows = ExecTranscript.objects.filter(session=session_id).order_by("number")
    for data in rows.values_list("data", flat=True).iterator(chunk_size=20):
        yield bytes(data)
