"""Gemini CLI, installed from the npm registry, in both forms."""

from __future__ import annotations

import pytest

from tests.real.cases import RealCases
from tests.real.clis import GEMINI

pytestmark = pytest.mark.real


class TestGemini(RealCases):
    cli = GEMINI
