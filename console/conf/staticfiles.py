"""Which packages' static files are served: not those of htmx 2 (we use 4) nor of DRF's browsable pages (off)."""

from __future__ import annotations

from django.contrib.staticfiles.apps import StaticFilesConfig


class AssetsConfig(StaticFilesConfig):
    # A leftover would be compressed and hashed at every release, and its comments read as imports.
    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "*-2.js", "*-2.min.js", "rest_framework"]
