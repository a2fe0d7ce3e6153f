/** Prompts on their way. They are kept by the browser until the service has acknowledged them. */
import { asServiceError, type Fetch, refusalOf, ServiceError } from "./client";
import { framesOf } from "./frames";
import { randomId } from "./randomId";
import { Observable } from "./observable";
import type { ExecuteBody, TurnAttachment } from "./types";

export interface Prompt {
  agentId: string;
  conversationId: string | null;
  text: string;
  attachments: readonly TurnAttachment[];
  busy: NonNullable<ExecuteBody["busy"]> | null;
  mode: NonNullable<ExecuteBody["mode"]> | null;
  model: string | null;
  permissionMode: string | null;
  /** The key of one that begins the conversation that this one belongs to. */
  follows?: string | null;
}

export interface Pending extends Prompt {
  /** The Idempotency-Key: a prompt that is sent again makes no second run. */
  key: string;
  at: string;
  state: "sending" | "waiting" | "refused";
  error: { code: string; message: string; hint: string | null } | null;
}

export interface Accepted {
  key: string;
  runId: string;
  conversationId: string;
}

export interface Storage {
  readonly length: number;
  key(at: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface OutboxOptions {
  base: string;
  fetch: Fetch;
  storage: Storage;
  newKey?: () => string;
  onAccepted?: (accepted: Accepted) => void;
}

export const PREFIX = "agent-runner.outbox.";
const LONGEST_PAUSE_MS = 15_000;
const ANSWER_MS = 30_000;
const BEHIND = { code: "not_sent", message: "the prompt before it was not sent", hint: null };

export class Outbox {
  readonly pending: Observable<readonly Pending[]>;

  readonly #options: OutboxOptions;
  readonly #prefix: string;
  readonly #underway = new Set<string>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #failures = new Map<string, number>();
  /** What the browser has no room for. */
  readonly #unkept = new Map<string, Pending>();
  #isClosed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#prefix = PREFIX + options.base;
    this.pending = new Observable<readonly Pending[]>(this.#stored());
  }

  /** Keep a prompt and send it; its key. */
  send(prompt: Prompt): string {
    const key = (this.#options.newKey ?? randomId)();
    const last = Math.max(0, ...this.pending.get().map((one) => Date.parse(one.at)));
    const at = new Date(Math.max(Date.now(), last + 1)).toISOString();
    const pending: Pending = { ...prompt, key, at, state: "sending", error: null };
    this.#keep(pending);
    this.pending.set([...this.pending.get(), pending]);
    void this.#deliver(key);
    return key;
  }

  /** Send what is kept and not refused: after a reload, or when the network is back. */
  flush(): void {
    for (const one of this.pending.get()) if (one.state !== "refused") void this.#deliver(one.key);
  }

  retry(key: string): void {
    this.#change(key, { state: "sending", error: null, follows: null });
    void this.#deliver(key);
  }

  /** Forget one that was refused; what may have been accepted already cannot be taken back here. */
  discard(key: string): void {
    this.#drop(key);
  }

  /** Another tab has changed what is kept. */
  refresh(): void {
    this.pending.set(this.#stored());
  }

  /** Send nothing any more; what is kept is sent by whoever comes next. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  async #deliver(key: string): Promise<void> {
    const prompt = this.pending.get().find((one) => one.key === key);
    if (prompt === undefined || this.#isClosed || this.#underway.has(key) || this.#mustWait(prompt)) return;
    clearTimeout(this.#timers.get(key));
    this.#underway.add(key);
    try {
      const accepted = await this.#execute(prompt);
      for (const one of this.pending.get()) {
        if (one.follows === key)
          this.#change(one.key, { conversationId: accepted.conversationId, follows: null });
      }
      this.#drop(key);
      this.#options.onAccepted?.(accepted);
    } catch (caught) {
      this.#failed(key, asServiceError(caught));
    } finally {
      this.#underway.delete(key);
    }
    for (const one of this.pending.get()) {
      if (one.agentId === prompt.agentId && one.state === "sending") void this.#deliver(one.key);
    }
  }

  /** Prompts of a conversation arrive in the order in which they were written. */
  #mustWait(prompt: Pending): boolean {
    const all = this.pending.get();
    if (prompt.conversationId === null) return all.some((one) => one.key === prompt.follows);
    return all.some(
      (one) =>
        one.agentId === prompt.agentId &&
        one.conversationId === prompt.conversationId &&
        one.state !== "refused" &&
        one.at < prompt.at,
    );
  }

  #failed(key: string, error: ServiceError): void {
    const told = { code: error.code, message: error.message, hint: error.hint };
    if (!error.isPassing && error.status !== 401) {
      this.#refuse(key, told);
      return;
    }
    this.#change(key, { state: "waiting", error: told });
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const pause = Math.max(Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures), (error.retryAfter ?? 0) * 1000);
    this.#timers.set(
      key,
      setTimeout(() => void this.#deliver(key), pause),
    );
  }

  /** With those that were to follow in the conversation that there is not. */
  #refuse(key: string, error: NonNullable<Pending["error"]>): void {
    this.#change(key, { state: "refused", error });
    for (const one of this.pending.get()) {
      if (one.follows === key) this.#refuse(one.key, BEHIND);
    }
  }

  /** Until the service has the prompt; the run goes on without this request. */
  async #execute(prompt: Pending): Promise<Accepted> {
    const left = new AbortController();
    const url = `${this.#options.base}/agents/${encodeURIComponent(prompt.agentId)}/execute`;
    const late = setTimeout(() => left.abort(), ANSWER_MS);
    try {
      const answer = await this.#options.fetch(url, {
        method: "POST",
        signal: left.signal,
        credentials: "same-origin",
        headers: {
          Accept: "text/event-stream",
          "Content-Type": "application/json",
          "Idempotency-Key": prompt.key,
        },
        body: JSON.stringify(bodyOf(prompt)),
      });
      if (!answer.ok) throw await refusalOf(answer);
      if (answer.body === null) throw new ServiceError(0, "unreachable", "the answer has no body");
      for await (const frame of framesOf(answer.body, { silenceMs: ANSWER_MS })) {
        const event = JSON.parse(frame.data) as { runId?: string; conversationId?: string };
        if (event.runId && event.conversationId) {
          return { key: prompt.key, runId: event.runId, conversationId: event.conversationId };
        }
      }
      throw new ServiceError(0, "unreachable", "the answer broke off");
    } finally {
      clearTimeout(late);
      left.abort();
    }
  }

  #change(key: string, change: Partial<Pending>): void {
    const prompt = this.pending.get().find((one) => one.key === key);
    if (prompt === undefined) return;
    const next = { ...prompt, ...change };
    this.#keep(next);
    this.pending.set(this.pending.get().map((one) => (one.key === key ? next : one)));
  }

  #drop(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    this.#failures.delete(key);
    this.#unkept.delete(key);
    this.#options.storage.removeItem(this.#prefix + key);
    this.pending.set(this.pending.get().filter((one) => one.key !== key));
  }

  #keep(prompt: Pending): void {
    try {
      this.#options.storage.setItem(this.#prefix + prompt.key, JSON.stringify(prompt));
      this.#unkept.delete(prompt.key);
    } catch {
      this.#unkept.set(prompt.key, prompt);
    }
  }

  /** Each under a key of its own: tabs that write at the same time write different ones. */
  #stored(): Pending[] {
    const { storage } = this.#options;
    const found = [...this.#unkept.values()];
    for (let at = 0; at < storage.length; at += 1) {
      const key = storage.key(at);
      if (!key?.startsWith(this.#prefix)) continue;
      const one = parsed<Pending>(storage.getItem(key));
      if (one !== null && this.#prefix + one.key === key && !this.#unkept.has(one.key)) found.push(one);
    }
    return found.sort((a, b) => a.at.localeCompare(b.at));
  }
}

function bodyOf(prompt: Prompt): ExecuteBody {
  return {
    prompt: prompt.text,
    ...(prompt.conversationId === null
      ? { newConversation: true }
      : { conversationId: prompt.conversationId }),
    ...(prompt.busy === null ? {} : { busy: prompt.busy }),
    ...(prompt.mode === null ? {} : { mode: prompt.mode }),
    ...(prompt.model === null ? {} : { model: prompt.model }),
    ...(prompt.permissionMode === null ? {} : { permissionMode: prompt.permissionMode }),
    ...(prompt.attachments.length === 0
      ? {}
      : {
          attachments: prompt.attachments.map(({ attachmentId, name }) => ({ attachmentId, name })),
        }),
  };
}

function parsed<T>(text: string | null): T | null {
  if (text === null) return null;
  try {
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}
