"""The agent types this service knows, by name.

To add a CLI, add a folder to `agents/`: a package with a `TYPE` whose module `adapter` has a
class derived from `base.Adapter` (see `discovery` for what else a folder may offer). Nothing
else has to be told of it.
"""

from __future__ import annotations

from types import ModuleType

from agent_runner.agents.base import Adapter, AgentOptions, AskingFlags, Form
from agent_runner.agents.discovery import modules
from agent_runner.errors import BadRequestError


def adapter_in(module: ModuleType) -> Adapter:
    """The adapter of a folder's module `adapter`."""
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Adapter)
        and value.__module__ == module.__name__
    )
    adapter: Adapter = found()
    return adapter


ADAPTERS: dict[str, Adapter] = {
    type_: adapter_in(module) for type_, module in modules("adapter").items()
}

INSTALLED = tuple(type_ for type_, adapter in ADAPTERS.items() if adapter.login is not None)
"""The types whose CLI is a program that is installed on this machine."""

INSTALL_FOLDERS = tuple(
    folder for adapter in ADAPTERS.values() for folder in adapter.install_folders
)
"""Where CLIs' own installers put them, from the home folder on; a custom command may be one."""

_ASKING_FLAGS = [one.asking_flags for one in ADAPTERS.values() if one.asking_flags is not None]
_ALL_ASKING_FLAGS = AskingFlags(
    unasked=frozenset().union(*(flags.unasked for flags in _ASKING_FLAGS)),
    letting=frozenset().union(*(flags.letting for flags in _ASKING_FLAGS)),
)


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


def asking_flags(adapter: Adapter) -> AskingFlags:
    """The flags of the adapter's CLI, or of all if it may be any."""
    return adapter.asking_flags or _ALL_ASKING_FLAGS


def check_type_of(adapter: Adapter, options: AgentOptions) -> None:
    """BadRequestError `unsupported_option` for an option that is another type's."""
    for name in (name for other in ADAPTERS.values() for name in other.own_options):
        if getattr(options, name) and name not in adapter.own_options:
            having = [type_ for type_, one in ADAPTERS.items() if name in one.own_options]
            types = " or ".join(having)
            raise BadRequestError(
                "unsupported_option",
                f"{name} is an option of agents of type {types}",
                hint=f"leave it out, or register an agent of type {types}",
            )


def forms_of(adapter: Adapter, options: AgentOptions) -> tuple[Form, ...]:
    """The forms in which `adapter` can run an agent with these options, the best first.

    BadRequestError says what is wrong with the options, if anything is.
    """
    forms = tuple(form for form in adapter.forms if adapter.obstacle(options, form) is None)
    for form in forms:
        adapter.check(options, form)
    return forms
