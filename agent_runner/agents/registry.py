"""The agent types this service knows, by name."""

from __future__ import annotations

from agent_runner.agents.base import Adapter, AgentOptions, Form
from agent_runner.agents.claude.adapter import ClaudeAdapter
from agent_runner.agents.custom.adapter import CustomAdapter
from agent_runner.agents.droid.adapter import DroidAdapter
from agent_runner.agents.gemini.adapter import GeminiAdapter
from agent_runner.agents.replay.adapter import ReplayAdapter
from agent_runner.errors import BadRequestError

ADAPTERS: dict[str, Adapter] = {
    adapter.type: adapter
    for adapter in (
        ClaudeAdapter(),
        DroidAdapter(),
        GeminiAdapter(),
        CustomAdapter(),
        ReplayAdapter(),
    )
}
"""To add a type, add its adapter here."""


def adapter_for(type_: str) -> Adapter:
    """The adapter of `type_`; BadRequestError if there is none."""
    try:
        return ADAPTERS[type_]
    except KeyError:
        raise BadRequestError(
            "unknown_agent_type",
            f"there is no agent type {type_[:80]!r}",
            hint=f"one of {', '.join(ADAPTERS)}",
        ) from None


_TYPE_OF = {"command": "custom", "dialect": "custom", "terminal": "custom", "transcript": "replay"}
"""Options that one type alone has, and which."""


def check_type_of(adapter: Adapter, options: AgentOptions) -> None:
    """BadRequestError `unsupported_option` for an option that is another type's."""
    for name, type_ in _TYPE_OF.items():
        if getattr(options, name) and adapter.type != type_:
            raise BadRequestError(
                "unsupported_option",
                f"{name} is an option of agents of type {type_}",
                hint=f"leave it out, or register an agent of type {type_}",
            )


def forms_of(adapter: Adapter, options: AgentOptions) -> tuple[Form, ...]:
    """The forms in which `adapter` can run an agent with these options, the best first.

    BadRequestError says what is wrong with the options, if anything is.
    """
    forms: list[Form] = []
    for form in adapter.forms:
        try:
            adapter.launch(options, form, resume=None, private_dir="/private")
        except BadRequestError as error:
            if error.code != "unsupported_form" or form == adapter.forms[-1]:
                raise
        else:
            forms.append(form)
    return tuple(forms)
