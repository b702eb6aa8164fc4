"""The engine watcher: one thread an engine that follows its events, one heartbeat for all, a lease an engine.

It changes nothing but what is known: an event wakes its task's driver, which looks for itself. Whatever the watcher
misses while it is down is found when it compares engine and rows at its next start, or by the sweep.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from concurrent.futures import Executor
from datetime import datetime, timedelta

from django.db import DatabaseError, close_old_connections, connection
from django.db.models import DateTimeField, Exists, OuterRef, Q, QuerySet

from base import clock, leases
from base.prepared import Given, Prepared
from base.threads import RecentFirst
from clusters.connection import declare_lost, record_connected, record_disconnected, record_heard
from clusters.engine.errors import EngineError
from clusters.engine.port import Engine, EngineEvent
from clusters.engines import engine_of, forget
from clusters.models import ContainerInstance
from services.control.local_tunnel import LocalTunnel
from services.control.standing import align, take_event
from services.models import Task

log = logging.getLogger(__name__)

ROSTER = 2.0  # seconds between looks at which instances there are
HEARTBEAT = 10.0  # seconds between pings of each engine
ALIGN = 60.0  # seconds between comparisons of engine and rows
# Seconds between looks at what an engine is (its disk, what it can do); it is also asked whenever it comes back.
INFORM = 300.0
# At most so many a second by one watcher, so that hundreds of engines at rest cost little: of 200, each is then pinged
# every 40 s, unless its helper answers anyway, and compared every 4 minutes. Their streams still tell at once; more
# watchers share the work.
_MOST_PINGS = 5.0
_MOST_COMPARISONS = 0.8
# Threads that write events down, for all engines: a thread of its own would open the database for each event, 4 ms of
# SQLite's reading the schema, and with hundreds of engines hundreds would keep what a connection keeps.
_SCRIBES = 2
_BACK_OFF = (0.5, 1.0, 2.0, 4.0, 8.0)
# A watcher that died is taken over from after so many seconds; at once where that can be seen.
LEASE = 6.0
_PRESENCE = "watcher:"
_REMEMBERED = timedelta(days=7)  # for which a lost instance is still looked for when it is deregistered
_OVERLAP = timedelta(seconds=2)  # events asked for again after a break


def _followed() -> QuerySet[ContainerInstance, tuple[str, str, datetime | None, str, bool]]:
    """Those that a watcher is to follow."""
    busy = Task.objects.filter(instance=OuterRef("pk")).exclude(status="STOPPED")
    # Deregistered while lost: should it come back, what it still runs is removed.
    lost = Q(lost_at__isnull=False, deregistered_at__gte=Given("since", DateTimeField()))
    found = ContainerInstance.objects.filter(~Q(status="INACTIVE") | Exists(busy) | lost).order_by("pk")
    return found.values_list("pk", "watch_owner", "watch_until", "status", "connected")


_FOLLOWED = Prepared(_followed)
_INSTANCE = Prepared(lambda: ContainerInstance.objects.select_related("cluster").filter(pk=Given("pk"))[:1])


def compared_every(engines: int) -> float:
    """Seconds between two comparisons of the same engine, by a watcher that follows so many."""
    return max(ALIGN, engines / _MOST_COMPARISONS)


class Watcher:
    """Runs until stop(). Any number may run: each instance is followed by the one that holds its lease, and they share
    them evenly."""

    def __init__(self) -> None:
        self.owner = leases.new_owner()
        self._stopping = threading.Event()
        self._followers: dict[str, Follower] = {}
        self._tunnels: dict[str, LocalTunnel] = {}
        self._scribes = RecentFirst(_SCRIBES, "watch-events")
        # Of every instance's row: its status, and whether it answers.
        self._seen: dict[str, tuple[str, bool]] = {}

    def stop(self) -> None:
        self._stopping.set()
        for follower in list(self._followers.values()):
            follower.stop()
        for tunnel in list(self._tunnels.values()):
            tunnel.stop()

    def run(self) -> None:
        log.info("watching")
        threading.Thread(target=self._keep, name="watch-leases", daemon=True).start()
        while not self._stopping.is_set():
            try:
                self._look()
                if not all(connected for _, connected in self._seen.values()):
                    declare_lost()
            except Exception:
                log.exception("the roster of instances could not be read")
                connection.close()
            self._stopping.wait(ROSTER)
        for follower in self._followers.values():
            follower.stop()
        try:
            ContainerInstance.objects.filter(watch_owner=self.owner).update(watch_owner="", watch_until=None)
            leases.give_back(_PRESENCE + self.owner, self.owner)
        except DatabaseError as error:
            log.warning("the leases end by themselves, the database does not answer: %s", error)

    def _look(self) -> None:
        """Follow this watcher's part of the instances that are registered, or still have tasks to be stopped."""
        close_old_connections()
        wanted = self._share()
        for key in set(self._followers) - wanted:
            self._let_go(key)
        for key in sorted(wanted):
            follower = self._followers.get(key)
            if follower is None or not follower.alive:
                self._followers[key] = Follower(key, self._scribes)
            tunnel = self._tunnels.get(key)
            answering = tunnel is not None and tunnel.answering
            self._followers[key].beat(len(wanted), connected=self._seen[key][1], answering=answering)
        self._tend_tunnels(wanted)

    def _tend_tunnels(self, held: set[str]) -> None:
        """What tasks ask of 169.254.170.2 is answered here. On an engine that left, the helper is removed."""
        failing = sum(tunnel.failing for tunnel in self._tunnels.values())
        for key in set(self._tunnels) - held:
            if not self._tunnels[key].alive:
                del self._tunnels[key]
            elif ContainerInstance.objects.filter(pk=key, watch_owner__in=("", self.owner)).exists():
                # Deregistered: it removes the helper, and ends.
                self._tunnels[key].share(len(held), failing, told=None)
            else:
                self._tunnels.pop(key).stop()
        for key in held:
            if key not in self._tunnels or not self._tunnels[key].alive:
                self._tunnels[key] = LocalTunnel(key)
            self._tunnels[key].share(len(held), failing, told=self._seen[key])

    # ---- who follows which ---------------------------------------------------------------------

    def _keep(self) -> None:
        """Renew what is held, whatever engine the roster waits for meanwhile."""
        while not self._stopping.wait(LEASE / 3):
            try:
                ContainerInstance.objects.filter(watch_owner=self.owner).update(watch_until=_lease_end())
                leases.take(_PRESENCE + self.owner, self.owner, LEASE)
            except DatabaseError as error:
                log.warning("the leases of this watcher were not renewed: %s", error)
            finally:
                close_old_connections()

    def _share(self) -> set[str]:
        """The instances this watcher holds: what is free is taken, and what is more than its part given up."""
        leases.take(_PRESENCE + self.owner, self.owner, LEASE)
        rows = _FOLLOWED.all(since=clock.now() - _REMEMBERED)
        self._seen = {key: (status, connected) for key, _, _, status, connected in rows}
        part = -(-len(rows) // max(1, leases.count(_PRESENCE)))
        mine = [key for key, owner, *_ in rows if owner == self.owner]
        for key in mine[part:]:
            self._let_go(key)
        del mine[part:]
        now = clock.now()
        for key, owner, until, *_ in rows:
            free = not owner or until is None or until <= now or leases.is_gone(owner)
            if owner != self.owner and free and len(mine) < part and self._take(key, owner, until):
                mine.append(key)
        return set(mine)

    def _take(self, key: str, owner: str, until: datetime | None) -> bool:
        row = ContainerInstance.objects.filter(pk=key, watch_owner=owner, watch_until=until)
        return bool(row.update(watch_owner=self.owner, watch_until=_lease_end()))

    def _let_go(self, key: str) -> None:
        follower = self._followers.pop(key, None)
        if follower is not None:
            follower.stop()
            follower.hang_up()
        ContainerInstance.objects.filter(pk=key, watch_owner=self.owner).update(
            watch_owner="", watch_until=None
        )


def _lease_end() -> datetime:
    return clock.now() + timedelta(seconds=LEASE)


def _written_down(event: EngineEvent) -> None:
    close_old_connections()
    take_event(event)


class Follower:
    """Follows one engine."""

    def __init__(self, instance_id: str, scribes: Executor) -> None:
        self.instance_id = instance_id
        self._scribes = scribes
        self._stopping = threading.Event()
        self._failures = 0
        self._last_event: datetime | None = None
        self._engine: Engine | None = None
        self._beaten = self._aligned = self._informed = clock.now()
        self._thread = threading.Thread(target=self._run, name=f"watch-{instance_id[:8]}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stopping.set()

    def hang_up(self) -> None:
        """End the stream that its thread waits in: another watcher follows the engine from now on."""
        with contextlib.suppress(ContainerInstance.DoesNotExist):
            forget(self._instance())

    def _instance(self) -> ContainerInstance:
        found = _INSTANCE.first(pk=self.instance_id)
        if found is None:
            raise ContainerInstance.DoesNotExist(self.instance_id)
        return found

    # ---- the event stream ----------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                close_old_connections()
                self._follow()
            except EngineError as error:
                self._lost(str(error))
            except ContainerInstance.DoesNotExist:
                return
            except Exception:
                log.exception("watching instance %s failed", self.instance_id)
                self._failures += 1
            finally:
                connection.close()
            self._stopping.wait(_BACK_OFF[min(self._failures, len(_BACK_OFF)) - 1] if self._failures else 0.1)

    def _follow(self) -> None:
        instance = self._instance()
        self._engine = engine = engine_of(instance)
        self._informed = clock.now()
        if not record_connected(instance, engine.info()):
            self._failures = len(_BACK_OFF)
            return
        self._failures = 0
        since = (self._last_event or clock.now()) - _OVERLAP
        woken, removed = align(instance, engine)
        log.info("following %s: %d tasks to look at, %d orphans removed", instance, woken, removed)
        connection.close()  # nothing may happen for days
        for event in engine.events(since):
            if self._stopping.is_set():
                return
            self._handle(event)

    def _handle(self, event: EngineEvent) -> None:
        self._last_event = event.time
        # One at a time, in their order; what cannot be written down ends the stream, and is found by comparing.
        self._scribes.submit(_written_down, event).result()

    def _lost(self, reason: str) -> None:
        if self._stopping.is_set():
            return  # hung up
        self._failures += 1
        self._engine = None
        try:
            instance = self._instance()
            record_disconnected(instance, reason)
            forget(instance)
        except ContainerInstance.DoesNotExist:
            self._stopping.set()
        except Exception:
            log.exception("the loss of instance %s could not be written down", self.instance_id)

    # ---- the heartbeat, called from the watcher's own thread ------------------------------------

    def beat(self, engines: int, *, connected: bool, answering: bool) -> None:
        """Notice an engine that went silent without ending its stream, and compare now and then. `engines`: how many
        this watcher follows; `answering`: this one's helper answered a moment ago. The row is read only to compare."""
        now, engine = clock.now(), self._engine
        every = max(HEARTBEAT, engines / _MOST_PINGS)
        if answering and every > HEARTBEAT:  # pinged a heartbeat after it fell silent
            self._beaten = now - timedelta(seconds=every - HEARTBEAT)
        silent = now - self._beaten >= timedelta(seconds=every)
        compare = now - self._aligned >= timedelta(seconds=compared_every(engines))
        if silent:
            self._beaten = now
        if engine is None or not connected or not (silent or compare):
            return
        try:
            if silent:
                engine.ping()
            if compare:
                self._aligned = now
                instance = self._instance()
                align(instance, engine)
                if now - self._informed < timedelta(seconds=INFORM) and record_heard(instance):
                    return
                self._informed = now
                record_connected(instance, engine.info())
        except EngineError as error:
            self._lost(str(error))
