"""A part of hatchling: no wheel without the page of its sources, as it would serve none."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageInWheel(BuildHookInterface):
    """Looks at the page before the wheel is made; an editable install finds it where it is."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Stop where the page is missing, or another."""
        if version == "editable":
            return
        sys.path.insert(0, str(Path(self.root) / ".ci"))
        import page

        if not page.is_built():
            sys.exit(
                "agent_runner/page/ is not what web/ gives: `python3 .ci/bootstrap.py run` builds "
                "it, and a wheel without it would serve no page"
            )
