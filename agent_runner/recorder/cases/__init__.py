"""The recording cases: one suite of declarative data per CLI."""

from agent_runner.recorder.cases import claude, droid, gemini
from agent_runner.recorder.cases.case import Case, Suite

SUITES: dict[str, Suite] = {
    suite.agent: suite for suite in (claude.SUITE, gemini.SUITE, droid.SUITE)
}


def cases_of(suite: Suite, version: str) -> list[Case]:
    """The cases that apply to a CLI version, slow ones last."""
    found = [case for case in suite.cases if not case.versions or version in case.versions]
    return sorted(found, key=lambda case: case.slow)


__all__ = ["SUITES", "Case", "Suite", "cases_of"]
