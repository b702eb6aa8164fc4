"""The process that holds the commands of ExecuteCommand: a session has one thread that reads and one that writes.

A web process opens no engine. It says over Redis which session was opened (services.execute.channel); whichever of
these processes takes it first holds it to its end. There may be any number of them.
"""

from __future__ import annotations

import logging
import threading
import time

import redis
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from redis.exceptions import RedisError

from clusters.engine.errors import ContainerNotFound, EngineError
from clusters.engine.port import ExecStream
from clusters.engines import engine_of
from services.execute import channel, sessions
from services.execute.channel import Ending
from services.execute.models import ExecSession
from services.execute.operations import split_command
from services.execute.transcripts import Transcript
from services.models import Task

log = logging.getLogger(__name__)

SWEEP = 30.0
LONGEST = 12 * 3600.0
"""Seconds after which any session ends."""
_PIECE_SECONDS = 1.0


class Terminals:
    """Takes sessions until stop()."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._held: dict[str, Terminal] = {}
        self._swept = 0.0

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        log.info("waiting for sessions of ExecuteCommand")
        client = channel.connect()
        while not self._stopping.is_set():
            try:
                self._look(client)
            except RedisError as error:
                log.warning("Redis is not reached (%s); trying again", error)
                self._stopping.wait(1.0)
            except Exception:
                log.exception("sessions could not be looked at")
                connection.close()
                self._stopping.wait(1.0)
        for terminal in list(self._held.values()):
            terminal.finish(Ending("Slipway is being stopped."))
        for terminal in list(self._held.values()):
            terminal.join(3.0)

    def _look(self, client: redis.Redis) -> None:
        self._held = {key: one for key, one in self._held.items() if one.alive}
        if time.monotonic() - self._swept > SWEEP:
            close_old_connections()
            self._swept = time.monotonic()
            client.set(channel.alive_key(), "1", ex=int(4 * SWEEP))
            sessions.sweep()
        if len(self._held) >= settings.SLIPWAY_EXEC_SESSIONS:
            self._stopping.wait(0.2)  # another process may have room
            return
        taken = channel.wait_for(client, channel.WAITING)
        if taken is not None:
            session_id = taken.decode(errors="replace")
            self._held[session_id] = Terminal(session_id)


class Terminal:
    """One session, from its engine's side."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self._client = channel.connect()
        self._out = channel.list_out(session_id)
        self._in = channel.list_in(session_id)
        self._ending: Ending | None = None
        self._over = threading.Event()
        self._credit = threading.Condition()
        self._unacknowledged = 0
        self._bytes_in = self._bytes_out = 0
        self._used = self._heard = self._began = self._beaten = time.monotonic()
        self._transcript: Transcript | None = None
        self._thread = threading.Thread(target=self._run, name=f"exec-{session_id[-8:]}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def finish(self, ending: Ending) -> None:
        """End it; the first reason given counts."""
        with self._credit:
            self._ending = self._ending or ending
            self._over.set()
            self._credit.notify_all()

    # ---- its life ------------------------------------------------------------------------------

    def _run(self) -> None:
        close_old_connections()
        try:
            row = sessions.begin(self.session_id)
            if row is not None:
                self._hold(row)
        except Exception:
            log.exception("session %s broke off", self.session_id)
            self._close(Ending("It broke off: see Slipway's log."))
        finally:
            connection.close()
            self._client.close()

    def _hold(self, row: ExecSession) -> None:
        if row.log_group:
            self._transcript = Transcript(row.pk)
        try:
            stream = self._open(row)
        except ContainerNotFound:
            self._close(Ending("The container is gone."))
            return
        except EngineError as error:
            self._close(Ending(str(error)))
            return
        typing = threading.Thread(
            target=self._type, args=(stream,), name=f"{self._thread.name}-in", daemon=True
        )
        try:
            channel.send(self._client, self._out, channel.OPENED)
            typing.start()
            ending = self._show(stream)
        except EngineError as error:
            ending = Ending(str(error))
        except RedisError:
            ending = Ending("Redis was not reached.")
        except DatabaseError:
            log.exception("session %s", self.session_id)
            ending = Ending("The database was not reached.")
        self.finish(ending)
        self._close(self._ending or ending)
        stream.close()

    def _open(self, row: ExecSession) -> ExecStream:
        task = Task.objects.select_related("instance").get(arn=row.task_arn)
        assert task.instance is not None
        return engine_of(task.instance).exec_open(
            row.runtime_id, split_command(row.command), environment=[("TERM", "xterm-256color")]
        )

    def _close(self, ending: Ending) -> None:
        """Rows first: what the terminal is told is so already."""
        try:
            if self._transcript is not None:
                self._transcript.flush()
            sessions.end(self.session_id, ending, bytes_in=self._bytes_in, bytes_out=self._bytes_out)
        except DatabaseError:
            log.exception("the end of session %s could not be written down; the sweep will", self.session_id)
        try:
            channel.send(self._client, self._out, ending.packed())
            self._client.delete(self._in)
        except RedisError as error:
            log.debug("session %s: %s", self.session_id, error)

    # ---- from the container --------------------------------------------------------------------

    def _show(self, stream: ExecStream) -> Ending:
        while not self._over.is_set():
            if not self._may_send():
                continue
            data = stream.read(_PIECE_SECONDS)
            self._look_after()
            if data is None:
                continue
            if data == b"":
                code = stream.exit_code()
                said = (
                    "The container has stopped." if code is None else f"The command ended with code {code}."
                )
                return Ending(said, code)
            with self._credit:
                self._unacknowledged += len(data)
            self._bytes_out += len(data)
            self._used = time.monotonic()
            channel.send(self._client, self._out, channel.DATA + data)
            if self._transcript is not None:
                self._transcript.add(data)
        return self._ending or Ending("It was ended.")

    def _may_send(self) -> bool:
        """Whether the terminal has taken enough of what it was sent; waits a second for it."""
        with self._credit:
            if self._unacknowledged < channel.WINDOW:
                return True
            self._credit.wait(_PIECE_SECONDS)
        self._look_after()
        return False

    def _look_after(self) -> None:
        """Now and then: tell both sides that it lives, and see whether it still should."""
        now = time.monotonic()
        if now - self._beaten < channel.BEAT:
            return
        self._beaten = now
        close_old_connections()
        idle = settings.SLIPWAY_EXEC_IDLE_MINUTES
        unwanted = sessions.beat(self.session_id, self._bytes_in, self._bytes_out)
        if unwanted:
            self.finish(Ending(unwanted))
        elif now - self._heard > channel.SILENCE:
            self.finish(Ending("The terminal went away."))
        elif idle and now - self._used > idle * 60:
            self.finish(Ending(f"Nothing was typed or shown for {idle} minutes."))
        elif now - self._began > LONGEST:
            self.finish(Ending(f"A session lasts {LONGEST / 3600:.0f} hours at the most."))
        channel.send(self._client, self._out, channel.BEAT_OUT)
        if self._transcript is not None:
            self._transcript.flush()

    # ---- to the container ----------------------------------------------------------------------

    def _type(self, stream: ExecStream) -> None:
        client = channel.connect()
        try:
            while not self._over.is_set():
                message = channel.wait_for(client, self._in)
                if message is not None:
                    self._heard = time.monotonic()
                    self._take(stream, message[:1], message[1:])
        except RedisError:
            self.finish(Ending("Redis was not reached."))
        except EngineError as error:
            self.finish(Ending(str(error)))
        except Exception:
            log.exception("session %s", self.session_id)
            self.finish(Ending("It broke off: see Slipway's log."))
        finally:
            client.close()

    def _take(self, stream: ExecStream, kind: bytes, payload: bytes) -> None:
        if kind == channel.DATA:
            stream.write(payload)
            self._bytes_in += len(payload)
            self._used = self._heard
        elif kind == channel.RESIZE:
            stream.resize(*channel.parsed_size(payload))
        elif kind == channel.ACKNOWLEDGE:
            with self._credit:
                self._unacknowledged = max(0, self._unacknowledged - int(payload))
                self._credit.notify_all()
        elif kind == channel.CLOSE:
            self.finish(Ending(payload.decode(errors="replace") or "The terminal was closed."))
