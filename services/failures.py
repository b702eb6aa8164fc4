"""What could not be done for one of several things asked for together, in AWS's form of it."""

from __future__ import annotations

from dataclasses import dataclass

MISSING = "MISSING"


@dataclass(frozen=True, slots=True)
class Failure:
    """`reason` is AWS's word for it (MISSING, RESOURCE:CPU, TASK_NOT_VALID); `detail` says it in a sentence."""

    arn: str
    reason: str
    detail: str = ""
