"""Request bodies of conversations, queues and logins."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from agent_runner.api.bodies import Body, ShortText

Title = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class ConversationBody(Body):
    """`POST /agents/{agentId}/conversations`."""

    title: Title | None = Field(None, description="The first prompt's beginning by default.")
    metadata: dict[str, Any] = Field({}, description="Your own; kept and told as it is.")


class PatchConversationBody(Body):
    """`PATCH /conversations/{conversationId}`: what is given changes."""

    title: Title | None = None
    archived: bool | None = None
    metadata: dict[str, Any] | None = None


class ForkBody(Body):
    """`POST /conversations/{conversationId}/fork`."""

    turn_id: ShortText | None = Field(
        None, description="The last turn that the new one has; an answer, the newest by default."
    )
    title: Title | None = None


class PatchRunBody(Body):
    """`PATCH /runs/{runId}`, while it waits."""

    prompt: str = Field(
        description="What the agent is asked in the place of what it was.",
        json_schema_extra={"pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"},
    )


class QueueBody(Body):
    """`PUT /agents/{agentId}/queue`."""

    run_ids: list[ShortText] = Field(description="Every run that waits, in the order it is to go.")


class StartBody(Body):
    """`POST /agents/{agentId}/start` and `/restart`."""

    conversation_id: ShortText | None = Field(
        None, description="The conversation that goes on; the agent's newest by default."
    )


class StopBody(Body):
    """`POST /agents/{agentId}/stop`."""

    conversation_id: ShortText | None = Field(None, description="All of the agent's by default.")


class LoginBody(Body):
    """`POST /session`."""

    token: Annotated[str, StringConstraints(max_length=4096)] = ""
