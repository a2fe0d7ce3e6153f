/** A chat with agent-runner for another React app. */
export type { AgentChatPanelProps } from "./chat/AgentChatPanel";
export type { ChatBubbleProps } from "./chat/ChatBubble";
export { AgentRunnerProvider, type AgentRunnerProviderProps, useEngine } from "./react/AgentRunnerProvider";
export { AgentChatPanel, ChatBubble } from "./react/parts";
export { type ExecuteOptions, type UseAgentExecute, useAgentExecute } from "./react/useAgentExecute";
export { type UseConversation, useConversation } from "./react/useConversation";
import "./styles/tokens.css";
import "./styles/base.css";
