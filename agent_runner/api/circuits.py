"""Circuit breakers: what they have seen, and closing them by hand."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.bodies import EmptyBody, read_body
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint
from fallback.circuit import Circuit


class CircuitListReply(Reply, frozen=True, kw_only=True):
    """Breakers by scope and name; one that has seen nothing is not listed."""

    circuits: list[Circuit]


async def circuits_status(request: Request) -> Response:
    """Every breaker that has seen something, by scope and name."""
    return json_reply(CircuitListReply(circuits=context(request).circuits.status()))


async def reset_circuit(request: Request) -> Response:
    """Close the circuits of the agent and of its CLI type; the next prompt is tried."""
    ctx = context(request)
    await read_body(request, EmptyBody)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    return json_reply(CircuitListReply(circuits=await ctx.circuits.reset(agent)))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/agents/circuits/status",
        handler=circuits_status,
        summary="Circuit breakers of agents and CLI types",
        tag="circuits",
        reply=CircuitListReply,
    ),
    Endpoint(
        method="POST",
        path="/agents/{agentId}/circuit/reset",
        handler=reset_circuit,
        summary="Close an agent's circuit and that of its CLI type",
        tag="circuits",
        body=EmptyBody,
        reply=CircuitListReply,
        problems=(404,),
    ),
)
