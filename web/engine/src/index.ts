/** The engine of a chat with agent-runner: no React, no DOM. */
export { type Api, asServiceError, client, type Fetch, logIn, must, ServiceError } from "./client";
export {
  ConversationLog,
  type ConversationView,
  type Entry,
  type RunEntry,
  type TurnEntry,
} from "./conversation";
export { Engine, type EngineOptions, type Login } from "./engine";
export { Observable } from "./observable";
export type { Accepted, Pending, Prompt } from "./outbox";
export type { Link } from "./pageStream";
export {
  type Block,
  type FileChange,
  type PlanItem,
  type Route,
  RunLog,
  type RunView,
  type TimeSpan,
  type ToolCall,
  type ToolStatus,
} from "./run";
export type * from "./types";
