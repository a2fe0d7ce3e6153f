/** The parts as a host has them: their style ends where they end, and its own elements keep their look. */
import { AgentChatPanel as Panel, type AgentChatPanelProps } from "../chat/AgentChatPanel";
import { ChatBubble as Bubble, type ChatBubbleProps } from "../chat/ChatBubble";

export function AgentChatPanel(props: AgentChatPanelProps) {
  return (
    <div className="agent-runner">
      <Panel {...props} />
    </div>
  );
}

export function ChatBubble(props: ChatBubbleProps) {
  return (
    <div className="agent-runner">
      <Bubble {...props} />
    </div>
  );
}
