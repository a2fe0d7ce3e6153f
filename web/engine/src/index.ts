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
export { RunLog } from "./run";
export type {
  Block,
  FileChange,
  PlanItem,
  Route,
  RunView,
  TimeSpan,
  ToolCall,
  ToolStatus,
} from "./runView";
export type * from "./types";
