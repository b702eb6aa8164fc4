"""Containers of one Docker Engine: create, start, stop, look, run a command in one."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from .errors import ContainerNotFound, EngineError, EngineTimeout, NotOurs
from .frames import frames
from .port import LABEL_INSTALLATION, ContainerSpec, ContainerState, ExecStream
from .refusals import container_refusal, create_refusal, start_refusal
from .sdk_exec import open_exec
from .translate_spec import create_body
from .translate_state import container_state, container_summary
from .transport import Transport, segment

_MOST_KNOWN = 20_000
_MOST_OUTPUT = 1024 * 1024


class OwnedIds:
    """Ids this process has seen to carry our label, the newest so many. Labels never change on a
    container and ids are never used twice, so what is known stays true."""

    def __init__(self, most: int = _MOST_KNOWN) -> None:
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, container_id: str) -> None:
        with self._lock:
            self._ids[container_id] = None
            self._ids.move_to_end(container_id)
            while len(self._ids) > self._most:
                self._ids.popitem(last=False)

    def discard(self, container_id: str) -> None:
        with self._lock:
            self._ids.pop(container_id, None)

    def __contains__(self, container_id: str) -> bool:
        with self._lock:
            return container_id in self._ids


class ContainerCalls:
    """The container half of the port, over one transport."""

    installation: str
    _transport: Transport
    _ours: OwnedIds

    def create_container(self, spec: ContainerSpec) -> str:
        reply = self._transport.call(
            "POST",
            "/containers/create",
            params={"name": spec.name},
            body=create_body(spec, self.installation),
            refusal=create_refusal,
        )
        container_id = str(reply["Id"])
        self._ours.add(container_id)
        return container_id

    def start_container(self, container_id: str) -> None:
        own = self._owned(container_id)
        if own is None:
            raise ContainerNotFound(f"No such container: {container_id}")
        self._transport.call("POST", f"/containers/{segment(own)}/start", refusal=partial(start_refusal, own))

    def stop_container(self, container_id: str, timeout: int) -> None:
        self._act(
            container_id,
            "stop",
            {"t": timeout},
            # The engine answers once it has stopped: SIGKILL and clean-up come after `timeout`.
            read_timeout=timeout + self._transport.read_timeout,
        )

    def kill_container(self, container_id: str, signal: str = "SIGKILL") -> None:
        self._act(container_id, "kill", {"signal": signal})

    def remove_container(self, container_id: str) -> None:
        own = self._owned(container_id)
        if own is None:
            return
        with contextlib.suppress(ContainerNotFound):
            self._transport.call(
                "DELETE",
                f"/containers/{segment(own)}",
                params={"v": "1", "force": "1"},
                refusal=container_refusal,
            )
        self._ours.discard(own)

    def inspect_container(self, id_or_name: str) -> ContainerState | None:
        try:
            raw = self._transport.call(
                "GET", f"/containers/{segment(id_or_name)}/json", refusal=container_refusal
            )
        except ContainerNotFound:
            return None
        return self._noted(container_state(raw))

    def list_containers(
        self, labels: Mapping[str, str] | None = None, *, detail: bool = True
    ) -> Sequence[ContainerState]:
        wanted = {**(labels or {}), LABEL_INSTALLATION: self.installation}
        raw = self._transport.call(
            "GET", "/containers/json", params={"all": "1", "filters": label_filter(wanted)}
        )
        found = [self._noted(container_summary(item)) for item in raw]
        if not detail:
            return found
        # One that vanishes between the two requests is simply not there any more.
        return [state for one in found if (state := self.inspect_container(one.id)) is not None]

    def top_exec(self, container_id: str, command: Sequence[str], timeout: int = 10) -> tuple[int, str]:
        own = self._owned(container_id)
        if own is None:
            raise ContainerNotFound(f"No such container: {container_id}")
        exec_id = self._transport.call(
            "POST",
            f"/containers/{segment(own)}/exec",
            body={"Cmd": list(command), "AttachStdout": True, "AttachStderr": True},
            refusal=container_refusal,
        )["Id"]
        output = self._exec_output(exec_id, command, time.monotonic() + timeout)
        while (state := self._transport.call("GET", f"/exec/{exec_id}/json"))["Running"]:
            # The output ends a moment before the engine has the exit code.
            time.sleep(0.01)
        return int(state["ExitCode"] or 0), output

    def exec_open(
        self,
        container_id: str,
        command: Sequence[str],
        *,
        tty: bool = True,
        columns: int = 80,
        rows: int = 24,
        environment: Sequence[tuple[str, str]] = (),
    ) -> ExecStream:
        own = self._owned(container_id)
        if own is None:
            raise ContainerNotFound(f"No such container: {container_id}")
        return open_exec(
            self._transport, own, command, tty=tty, columns=columns, rows=rows, environment=environment
        )

    def _exec_output(self, exec_id: str, command: Sequence[str], deadline: float) -> str:
        late = EngineTimeout(f"{' '.join(command)!r} did not end in time.")
        stream = self._transport.stream(
            "POST",
            f"/exec/{exec_id}/start",
            body={"Detach": False, "Tty": False},
            read_timeout=max(0.1, deadline - time.monotonic()),
            refusal=container_refusal,
        )
        output = bytearray()
        try:
            for _, data in frames(stream.chunks()):
                output += data[: _MOST_OUTPUT - len(output)]
                if time.monotonic() > deadline:
                    raise late
        except EngineTimeout as error:
            raise late from error
        finally:
            stream.close()
        return output.decode(errors="replace")

    def _act(
        self, container_id: str, verb: str, params: Mapping[str, object], read_timeout: float | None = None
    ) -> None:
        """Stop or kill: not running and not there are what was wanted."""
        own = self._owned(container_id)
        if own is None:
            return
        try:
            self._transport.call(
                "POST",
                f"/containers/{segment(own)}/{verb}",
                params=params,
                read_timeout=read_timeout,
                refusal=_ended_refusal,
            )
        except ContainerNotFound:
            self._ours.discard(own)

    def _owned(self, id_or_name: str) -> str | None:
        """The id, once it is sure to be ours; None where there is none. Asks the engine only about
        containers this process has not seen yet."""
        if id_or_name in self._ours:
            return id_or_name
        state = self.inspect_container(id_or_name)
        if state is None:
            return None
        if state.labels.get(LABEL_INSTALLATION) != self.installation:
            raise NotOurs(f"Container {id_or_name} does not belong to installation {self.installation}.")
        return state.id

    def _noted(self, state: ContainerState) -> ContainerState:
        if state.labels.get(LABEL_INSTALLATION) == self.installation:
            self._ours.add(state.id)
        return state


def _ended_refusal(status: int, message: str) -> EngineError:
    if status == 409 and "is not running" in message:
        return ContainerNotFound(message)
    return container_refusal(status, message)


def label_filter(labels: Mapping[str, str], **more: Iterable[str]) -> str:
    """The `filters` parameter: all of `labels`, and any of each of `more`."""
    filters = {"label": [f"{name}={value}" for name, value in sorted(labels.items())]}
    filters.update({name: list(values) for name, values in more.items()})
    return json.dumps(filters)
