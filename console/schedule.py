"""What beat wakes and how often. Jobs by name, so that no room is imported here.

Each entry only wakes a sweep: losing one costs latency, doubling one costs nothing.
"""

from __future__ import annotations

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # Whatever is due and was not woken. An entry that was not taken before the next is due is dropped.
    "sweep": {"task": "services.sweep", "schedule": 5.0, "options": {"expires": 10}},
    # Overlay networks: who is in the swarm, who is to join or to leave.
    "networks": {"task": "clusters.check_networks", "schedule": 30.0, "options": {"expires": 30}},
    # Rules that are due. They fire once however often this comes.
    "fire-rules": {"task": "services.fire_rules", "schedule": 5.0, "options": {"expires": 10}},
    "retention": {"task": "services.retention", "schedule": 900.0, "options": {"expires": 900}},
    # Instances that are to be cleaned up by now, or whose disk is nearly full.
    "clean-instances": {"task": "services.clean_instances", "schedule": 60.0, "options": {"expires": 60}},
    # Secrets whose recovery window is over.
    "vault-purge": {"task": "vault.purge", "schedule": 3600.0, "options": {"expires": 3600}},
    # Rotations of secrets: the next step, the next try, the next time.
    "vault-rotate": {"task": "vault.rotate", "schedule": 30.0, "options": {"expires": 30}},
    "access-retention": {"task": "access.retention", "schedule": 3600.0, "options": {"expires": 3600}},
    "seal-audit": {"task": "access.seal_audit", "schedule": 5.0, "options": {"expires": 5}},
    "verify-audit": {"task": "access.verify_audit", "schedule": 86400.0, "options": {"expires": 3600}},
}
