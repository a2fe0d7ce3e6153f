/** All that a page knows of the service: one stream, what came of it, and what is on its way. */
import { type Api, asServiceError, client, type Fetch, logIn, must, refusalOf, ServiceError } from "./client";
import { ConversationLog } from "./conversation";
import type { Frame } from "./frames";
import { Observable } from "./observable";
import { type Accepted, Outbox, PREFIX, type Prompt, type Storage } from "./outbox";
import { randomId } from "./randomId";
import { type Channel, type Locks, Tabs } from "./tabs";
import type { Agent, Approval, Attachment, Conversation, ConversationEvent, Decision, Health } from "./types";

export interface EngineOptions {
  /** Where the service is; "" for the page's own origin. */
  base?: string;
  fetch?: Fetch;
  /** For a page of another origin, which has no cookie of the service. */
  token?: string;
  locks?: Locks;
  channel?: Channel;
  storage?: Storage;
  nextFrame?: (work: () => void) => void;
  silenceMs?: number;
  beatMs?: number;
}

/** How the stream begins. */
interface Opened {
  conversations: Record<string, number>;
  agents: readonly string[];
}

export type Login = "unknown" | "in" | "out";

/** Conversations that nobody looks at any more are carried on for a while. */
const KEPT_MS = 30_000;
const MOST_KEPT = 12;
/** More approvals than that are not remembered; those that wait are. */
const MOST_APPROVALS = 300;

export class Engine {
  readonly api: Api;
  readonly base: string;
  readonly tabs: Tabs;
  readonly outbox: Outbox;
  readonly login = new Observable<Login>("unknown");
  readonly agents = new Observable<ReadonlyMap<string, Agent> | null>(null);
  readonly approvals = new Observable<ReadonlyMap<string, Approval> | null>(null);
  readonly health = new Observable<Health | null>(null);
  /** Counts what was told of fallback; whoever shows it reads it again. */
  readonly fallback = new Observable(0);
  /** The runs that accepted prompts have become, newest last. */
  readonly accepted = new Observable<readonly Accepted[]>([]);

  readonly #fetch: Fetch;
  readonly #hasToken: boolean;
  readonly #nextFrame: (work: () => void) => void;
  readonly #logs = new Map<
    string,
    { log: ConversationLog; users: number; timer?: ReturnType<typeof setTimeout> }
  >();
  readonly #storage: Storage;
  readonly #closed = new AbortController();
  /** The stream has not begun yet, or anew: what was told before it is not in it. */
  #isBeginning = true;
  #arrived: ReadonlyMap<string, Agent> = new Map();
  /** Agents of which nothing has come yet; null before the stream says which there are. */
  #missing: Set<string> | null = null;

  constructor(options: EngineOptions = {}) {
    this.base = options.base ?? "";
    this.#hasToken = options.token !== undefined;
    this.#fetch = withToken(options.fetch ?? ((...call) => globalThis.fetch(...call)), options.token);
    this.#nextFrame = options.nextFrame ?? beforeNextPicture;
    this.#storage = options.storage ?? globalThis.localStorage;
    this.api = client(this.base || originOf(), this.#watchedFetch);
    this.outbox = new Outbox({
      base: this.base,
      fetch: this.#watchedFetch,
      storage: this.#storage,
      onAccepted: (accepted) => {
        this.accepted.update((all) => [...all.slice(-50), accepted]);
      },
    });
    this.tabs = new Tabs({
      base: this.base,
      fetch: this.#watchedFetch,
      tab: randomId(),
      locks: options.locks ?? locksOf(),
      channel: options.channel ?? (new BroadcastChannel(`agent-runner ${this.base}`) as Channel),
      onFrame: (frame) => this.#take(frame),
      onReset: () => this.#reset(),
      onGone: (id) => this.#logs.get(id)?.log.gone(),
      ...(options.silenceMs === undefined ? {} : { silenceMs: options.silenceMs }),
      ...(options.beatMs === undefined ? {} : { beatMs: options.beatMs }),
    });
    this.#listen();
    void this.#readApprovals();
    this.outbox.flush();
  }

  close(): void {
    this.#closed.abort();
    for (const { log, timer } of this.#logs.values()) {
      clearTimeout(timer);
      log.close();
    }
    this.tabs.close();
    this.outbox.close();
  }

  /** See `logIn`. */
  async logIn(token: string): Promise<void> {
    await logIn(this.api, token);
  }

  async logOut(): Promise<void> {
    await must(this.api.DELETE("/session"));
    this.login.set("out");
  }

  /** The log of a conversation, live until `release` is called as often as this. */
  open(conversationId: string): ConversationLog {
    let kept = this.#logs.get(conversationId);
    if (kept === undefined) {
      const { api, base } = this;
      const parts = { api, base, fetch: this.#watchedFetch, nextFrame: this.#nextFrame };
      kept = { log: new ConversationLog(conversationId, parts), users: 1 };
      this.#logs.set(conversationId, kept);
      this.#forgetOldest();
      this.#want();
      return kept.log;
    }
    clearTimeout(kept.timer);
    kept.users += 1;
    return kept.log;
  }

  release(conversationId: string): void {
    const kept = this.#logs.get(conversationId);
    if (kept === undefined) return;
    kept.users -= 1;
    if (kept.users > 0) return;
    kept.timer = setTimeout(() => this.#forget(conversationId), KEPT_MS);
  }

  send(prompt: Prompt): string {
    return this.outbox.send(prompt);
  }

  /** Give the service a file; it is a part of a prompt only once one names it. */
  async upload(file: Blob): Promise<Attachment> {
    const answer = await this.#watchedFetch(`${this.base}/attachments`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": file.type || "application/octet-stream" },
      body: file,
    }).catch((error: unknown) => {
      throw asServiceError(error);
    });
    if (!answer.ok) throw await refusalOf(answer);
    return (await answer.json()) as Attachment;
  }

  /**
   * The address of a file for an element of the page; call the second when it is not shown any
   * more. By a token the file has to be read here: an element can send none.
   */
  async attachment(attachmentId: string): Promise<[string, () => void]> {
    const url = `${this.base}/attachments/${attachmentId}/content`;
    if (!this.#hasToken) return [url, () => undefined];
    const answer = await this.#watchedFetch(url);
    if (!answer.ok) throw await refusalOf(answer);
    const made = URL.createObjectURL(await answer.blob());
    return [made, () => URL.revokeObjectURL(made)];
  }

  /** A new conversation that goes on from an answer of this one. */
  async fork(conversationId: string, turnId: string): Promise<Conversation> {
    const params = { path: { conversationId } };
    return must(this.api.POST("/conversations/{conversationId}/fork", { params, body: { turnId } }));
  }

  /** Have the agent's process ready before the prompt comes. Nothing is lost if it cannot be. */
  warmUp(agentId: string, conversationId: string): void {
    const params = { path: { agentId } };
    this.api.POST("/agents/{agentId}/start", { params, body: { conversationId } }).catch(() => undefined);
  }

  /** The last `tail` bytes of what a run's CLI has printed, and how much there is. */
  async rawLog(
    agentId: string,
    runId: string,
    stream: string,
    tail: number,
  ): Promise<{ size: number; text: string }> {
    const path = `/agents/${encodeURIComponent(agentId)}/logs/${encodeURIComponent(runId)}/${stream}`;
    const answer = await this.#watchedFetch(`${this.base}${path}?tail=${tail}`, {
      credentials: "same-origin",
    });
    if (!answer.ok) throw await refusalOf(answer);
    return { size: Number(answer.headers.get("x-log-size") ?? 0), text: await answer.text() };
  }

  /** Take a prompt back that waits; ServiceError `run_has_begun` if it does not any more. */
  async takeBack(runId: string): Promise<void> {
    await must(this.api.DELETE("/runs/{runId}", { params: { path: { runId } } }));
  }

  async stop(agentId: string, runId: string): Promise<void> {
    const params = { path: { agentId } };
    await must(this.api.POST("/agents/{agentId}/execute/cancel", { params, body: { runId } }));
  }

  /** Decide on an approval; what was decided elsewhere meanwhile is told by ServiceError. */
  async decide(approval: Approval, decision: Decision): Promise<Approval> {
    const params = { path: { approvalId: approval.approvalId } };
    const body: Decision = { inputHash: approval.inputHash, by: "operator", ...decision };
    try {
      const decided = await must(this.api.POST("/approvals/{approvalId}/decide", { params, body }));
      this.#approval(decided);
      return decided;
    } catch (error) {
      const known = asServiceError(error).problem?.approval;
      if (known !== undefined) this.#approval(known);
      throw error;
    }
  }

  /** A conversation of its own was made, or changed, here. */
  changed(conversation: Conversation): void {
    this.#logs.get(conversation.conversationId)?.log.changed(conversation);
  }

  /** Every request tells whether the browser is logged in. */
  readonly #watchedFetch: Fetch = async (input, init) => {
    const answer = await this.#fetch(input, init);
    if (answer.status === 401) this.login.set("out");
    else if (answer.ok) this.#loggedIn();
    return answer;
  };

  #loggedIn(): void {
    const wasOut = this.login.get() === "out";
    this.login.set("in");
    if (wasOut) this.#start();
  }

  #start(): void {
    this.tabs.wake();
    this.outbox.flush();
    void this.#readApprovals();
    for (const { log } of this.#logs.values()) void log.reload();
  }

  #want(): void {
    this.tabs.want([...this.#logs.keys()]);
  }

  #forget(conversationId: string): void {
    const kept = this.#logs.get(conversationId);
    if (kept === undefined || kept.users > 0) return;
    clearTimeout(kept.timer);
    kept.log.close();
    this.#logs.delete(conversationId);
    this.#want();
  }

  #forgetOldest(): void {
    if (this.#logs.size <= MOST_KEPT) return;
    const oldest = [...this.#logs].find(([, kept]) => kept.users === 0);
    if (oldest !== undefined) this.#forget(oldest[0]);
  }

  #take(frame: Frame): void {
    const data = JSON.parse(frame.data) as Record<string, unknown> & { type: string };
    if (typeof data.feed === "string") {
      if (data.feed === "fallback") this.fallback.update((count) => count + 1);
      else if (data.feed === "approvals") this.#approval(data.approval as Approval);
      return;
    }
    switch (data.type) {
      case "stream.opened":
        this.#loggedIn();
        this.#opened(data as unknown as Opened);
        return;
      case "agent.changed": {
        const agent = data.agent as Agent;
        this.#agent(agent.agentId, agent);
        return;
      }
      case "agent.deleted":
        this.#agent(String(data.agentId), null);
        return;
      case "conversation.deleted":
        this.#logs.get(String(data.conversationId))?.log.gone();
        return;
      case "health":
        this.health.set(data as unknown as Health);
        return;
      default: {
        const event = data as unknown as ConversationEvent;
        this.#logs.get(event.conversationId)?.log.take(event);
      }
    }
  }

  #opened({ conversations, agents }: Opened): void {
    for (const [id, seq] of Object.entries(conversations)) this.#logs.get(id)?.log.opened(seq);
    const known = new Map([...(this.agents.get() ?? this.#arrived)].filter(([id]) => agents.includes(id)));
    this.#missing = new Set(agents.filter((id) => !known.has(id)));
    this.#arrive(known);
    if (this.#isBeginning) void this.#readApprovals();
    this.#isBeginning = false;
  }

  #agent(agentId: string, agent: Agent | null): void {
    const next = new Map(this.agents.get() ?? this.#arrived);
    if (agent === null) next.delete(agentId);
    else next.set(agentId, agent);
    this.#missing?.delete(agentId);
    this.#arrive(next);
  }

  /** Who is not among the agents does not exist: they are told once all of the first ones are there. */
  #arrive(agents: ReadonlyMap<string, Agent>): void {
    if (this.agents.get() === null && this.#missing?.size !== 0) this.#arrived = agents;
    else this.agents.set(agents);
  }

  /** The stream does not go on: its service may have another database. */
  #reset(): void {
    this.#isBeginning = true;
    this.agents.set(null);
    this.#arrived = new Map();
    this.#missing = null;
    this.approvals.set(null);
    for (const { log } of this.#logs.values()) void log.reload();
    void this.#readApprovals();
  }

  #approval(approval: Approval): void {
    this.approvals.update((all) => {
      const next = new Map(all).set(approval.approvalId, approval);
      const oldest = [...next.values()].find((one) => one.state !== "pending");
      if (next.size > MOST_APPROVALS && oldest !== undefined) next.delete(oldest.approvalId);
      return next;
    });
  }

  async #readApprovals(): Promise<void> {
    const before = this.approvals.get();
    try {
      const query = { state: "pending", limit: 200 } as const;
      const { approvals } = await must(this.api.GET("/approvals", { params: { query } }));
      const fresh = new Map(approvals.map((one) => [one.approvalId, one]));
      // What was told meanwhile is newer. What else is not among them was decided while nobody listened.
      for (const [id, known] of this.approvals.get() ?? []) {
        if (known.state !== "pending" || known !== before?.get(id)) fresh.set(id, known);
      }
      this.approvals.set(fresh);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
    }
  }

  #listen(): void {
    if (typeof document === "undefined") return;
    const seen = () => {
      if (document.visibilityState === "visible") this.#wake();
    };
    const back = () => this.#wake();
    const shown = () => {
      this.#want();
      back();
    };
    const stored = (event: StorageEvent) => {
      if (event.key?.startsWith(PREFIX)) this.outbox.refresh();
    };
    const until = { signal: this.#closed.signal };
    document.addEventListener("visibilitychange", seen, until);
    document.addEventListener("resume", back, until);
    window.addEventListener("pageshow", shown, until);
    window.addEventListener("pagehide", () => this.tabs.leave(), until);
    window.addEventListener("online", back, until);
    window.addEventListener("focus", seen, until);
    window.addEventListener("storage", stored, until);
  }

  #wake(): void {
    this.tabs.wake();
    this.outbox.flush();
  }
}

function withToken(fetch: Fetch, token: string | undefined): Fetch {
  if (token === undefined) return fetch;
  return (input, init) => {
    const request = new Request(input, init);
    request.headers.set("Authorization", `Bearer ${token}`);
    return fetch(request);
  };
}

function originOf(): string {
  return typeof location === "undefined" ? "http://localhost" : location.origin;
}

function locksOf(): Locks {
  // Without a secure context (a service on the network without TLS) every tab is its own leader.
  return (navigator.locks as unknown as Locks | undefined) ?? { request: (_, __, held) => held() };
}

/** Work for the next picture; a page that nobody sees draws none, and must go on all the same. */
function beforeNextPicture(work: () => void): void {
  if (typeof requestAnimationFrame === "undefined" || document.visibilityState === "hidden") {
    setTimeout(work, 16);
    return;
  }
  let isDone = false;
  const once = () => {
    if (isDone) return;
    isDone = true;
    work();
  };
  requestAnimationFrame(once);
  setTimeout(once, 250);
}
