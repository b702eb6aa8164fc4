"""What of an instance may be cleaned up, and why the rest stays. Pure: facts in, verdicts out.

Called by `cleaning`. A thing is removed only where it is surely Slipway's own and surely needed by nothing: whatever is
not known keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from clusters.engine.port import ImageInfo, InUse
from clusters.engine.translate_state import familiar, split_reference


@dataclass(frozen=True)
class Item:
    """One thing on an engine. `names`: what to remove it by, one after the other; none for what is kept."""

    kind: str  # container | image | network | volume
    name: str  # for people
    reason: str
    names: tuple[str, ...] = ()
    size: int | None = None  # bytes
    used_at: datetime | None = None

    @property
    def removes(self) -> bool:
        return bool(self.names)


@dataclass(frozen=True)
class Brought:
    """An image as its rows have it: what Slipway asked for it by, when, and whether Slipway brought it."""

    image_id: str
    pins: tuple[str, ...]
    ours: bool  # pulled or carried, and not there before
    used_at: datetime
    coming: bool = False  # a transfer is going on


@dataclass(frozen=True)
class ImageRules:
    minimum_age: timedelta
    most: int | None  # in one cleaning; None: all (the disk is nearly full)
    kept_because: str = ""  # the instance keeps all its images, and why


def images(
    there: Sequence[ImageInfo],
    brought: Sequence[Brought],
    used: InUse,
    needed: Mapping[str, str],
    rules: ImageRules,
    now: datetime,
) -> list[Item]:
    """A verdict for every image that a row knows. `needed`: pin (digest reference or id) -> by what."""
    by_id = {image.id: image for image in there}
    items = [
        _image(by_id[one.image_id], one, used, needed, rules, now) for one in brought if one.image_id in by_id
    ]
    # The longest unused go first, and those beyond the number wait for the next time.
    going = sorted(
        (item for item in items if item.removes), key=lambda item: (item.used_at or now, item.name)
    )
    waiting = {id(item) for item in (going[rules.most :] if rules.most is not None else ())}
    return [
        replace(item, names=(), reason=f"unused; goes later, {rules.most} at a time")
        if id(item) in waiting
        else item
        for item in items
    ]


def _image(
    image: ImageInfo,
    row: Brought,
    used: InUse,
    needed: Mapping[str, str],
    rules: ImageRules,
    now: datetime,
) -> Item:
    own = {*row.pins, image.id}
    foreign = _names_of_others(image, row)
    name = next(iter(image.tags or image.repo_digests), image.id[7:19])
    reasons = {needed[pin] for pin in (*own, *image.repo_digests) if pin in needed}
    old_enough = row.used_at + rules.minimum_age
    kept = (
        (image.id in used.images, "a container is made from it"),
        (bool(reasons), min(reasons, default="")),
        (not row.ours, "it was there before Slipway asked for it"),
        (row.coming, "it is being brought"),
        (bool(rules.kept_because), rules.kept_because),
        (bool(foreign), f"somebody named it {min(foreign, default='')}"),
        (old_enough > now, f"used less than {_minutes(rules.minimum_age)} ago"),
    )
    for holds, why in kept:
        if holds:
            return Item("image", name, why, size=image.size, used_at=row.used_at)
    # By id goes what has no name left.
    names = (*image.tags, *image.repo_digests, image.id)
    return Item("image", name, "unused", names, image.size, row.used_at)


def _names_of_others(image: ImageInfo, row: Brought) -> set[str]:
    """Tags that no task asked for, and digests of repositories that none did."""
    asked = {_parts(pin) for pin in row.pins}
    repositories = {repository for repository, _ in asked}
    tags = {tag for tag in image.tags if _parts(tag) not in asked}
    return tags | {digest for digest in image.repo_digests if _parts(digest)[0] not in repositories}


def _parts(reference: str) -> tuple[str, str]:
    repository, tag = split_reference(reference)
    return familiar(repository), tag


def _minutes(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return f"{minutes:g} minutes"


def volume(
    name: str, task_id: str, *, live: bool, in_use: bool, named_by: str, unnamed_since: datetime | None,
    keep: timedelta | None, now: datetime,
) -> Item:  # fmt: skip
    """A volume that carries our label. `task_id`: of the task whose own it is, "" for a shared one; `named_by`: an
    ACTIVE task definition; `unnamed_since`: when the last was deregistered; `keep`: None keeps shared ones for ever."""
    if in_use:
        return Item("volume", name, "a container uses it")
    if task_id:
        if live:
            return Item("volume", name, f"of task {task_id[:8]}, which has not ended")
        return Item("volume", name, f"its task {task_id[:8]} has ended", (name,))
    if named_by:
        return Item("volume", name, f"task definition {named_by} names it")
    if keep is None:
        return Item("volume", name, "shared volumes are kept")
    if unnamed_since is None or unnamed_since + keep > now:
        return Item("volume", name, f"no task definition names it, for less than {keep.days} days")
    return Item("volume", name, f"no active task definition names it, for {keep.days} days", (name,))
