"""Claude Code, installed from the npm registry, in both forms."""

from __future__ import annotations

import pytest

from tests.real.cases import RealCases
from tests.real.clis import CLAUDE

pytestmark = pytest.mark.real


class TestClaude(RealCases):
    cli = CLAUDE
