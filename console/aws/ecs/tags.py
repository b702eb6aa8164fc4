"""Tags of anything, by its ARN."""

from __future__ import annotations

from base import tags as tag_rules
from console.aws.handlers import mechanical

mechanical("ecs", "TagResource", lambda tags: {})
mechanical("ecs", "UntagResource", lambda tags: {})
mechanical("ecs", "ListTagsForResource", lambda tags: {"tags": tag_rules.to_list(tags)})
