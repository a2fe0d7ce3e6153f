/** The service's answers and events by their own names. All of them come from /openapi.json. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Agent = Schemas["AgentReply"];
export type Approval = Schemas["ApprovalRecord"];
export type AuditEntry = Schemas["AuditEntry"];
export type Attachment = Schemas["AttachmentReply"];
export type Circuit = Schemas["Circuit"];
export type CliFinding = Schemas["CliFinding"];
export type Comparison = Schemas["ComparisonRecord"];
export type ComparisonDetail = Schemas["ComparisonDetail"];
export type Conversation = Schemas["ConversationRecord"];
export type ConversationEvent = Schemas["ConversationEvent"];
export type ConversationSummary = Schemas["ConversationSummary"];
export type Decision = Schemas["DecideBody"];
export type ExecuteBody = Schemas["ExecuteBody"];
export type FallbackStatus = Schemas["FallbackStatusReply"];
export type Health = Schemas["HealthReply"];
export type Outlook = Schemas["OutlookReply"];
export type Problem = Schemas["Problem"];
export type RegisterBody = Schemas["RegisterBody"];
export type Run = Schemas["RunReply"];
export type RunState = Schemas["RunState"];
export type SearchHit = Schemas["SearchHit"];
export type Session = Schemas["SessionReply"];
export type ShadowReport = Schemas["Report"];
export type Toggle = Schemas["ToggleRecord"];
export type Turn = Schemas["TurnRecord"];
export type TurnAttachment = Schemas["TurnAttachment"];
export type TurnPage = Schemas["TurnListReply"];
export type Usage = Schemas["Usage"];
export type UsageSum = Schemas["UsageSum"];

/** The event named `T`, as it comes on a stream. */
export type EventOf<T extends ConversationEvent["type"]> = Extract<ConversationEvent, { type: T }>;
