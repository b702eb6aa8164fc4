"""Static files under names that change with their content, imports of ES modules included."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class AssetsStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """A page never mixes modules of two releases: `import "./page.js"` is rewritten to the hashed name as well."""

    support_js_module_import_aggregation = True
