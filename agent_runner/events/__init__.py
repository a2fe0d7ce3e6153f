"""What can happen in a conversation, whichever CLI it happens in: one module per family.

An event is registered by being a subclass of `base.AgentEvent` in a module of this package
(`registry`). On the wire it is one flat JSON object: `{seq, runId, conversationId, time, type,
...}`. An event whose class says `ephemeral` is streamed and never stored, and has no seq; a later
durable event has all of its content.
"""
