"""Factory Droid: every case, one-shot and warm, with a model key of one's own (no login)."""

from __future__ import annotations

from agent_runner.recorder.cases.case import Suite
from agent_runner.recorder.cases.droid_failures import FAILURES
from agent_runner.recorder.cases.droid_oneshot import ONE_SHOT
from agent_runner.recorder.cases.droid_terminal import TERMINAL
from agent_runner.recorder.cases.droid_warm import WARM

_SETTINGS = """{
 "customModels": [{
  "model": "scripted", "displayName": "Scripted", "baseUrl": "{url}", "apiKey": "test",
  "provider": "anthropic", "maxOutputTokens": 8192
 }]
}
"""

SUITE = Suite(
    agent="factory-droid",
    env={
        "FACTORY_AIRGAP_ENABLED": "true",
        "FACTORY_DROID_AUTO_UPDATE_ENABLED": "false",
        "FACTORY_DISABLE_KEYRING": "1",
    },
    home_files={".factory/settings.json": _SETTINGS},
    files={"a.txt": "alpha\nbeta\n"},
    options={"model": "custom:Scripted-0"},
    cases=(*ONE_SHOT, *WARM, *TERMINAL, *FAILURES),
)
