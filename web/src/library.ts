/** A chat with agent-runner for another React app. */
export { AgentChatPanel, type AgentChatPanelProps } from "./chat/AgentChatPanel";
export { ChatBubble, type ChatBubbleProps } from "./chat/ChatBubble";
export { AgentRunnerProvider, type AgentRunnerProviderProps, useEngine } from "./react/AgentRunnerProvider";
export { type ExecuteOptions, type UseAgentExecute, useAgentExecute } from "./react/useAgentExecute";
export { type UseConversation, useConversation } from "./react/useConversation";
import "./styles/tokens.css";
import "./styles/base.css";
