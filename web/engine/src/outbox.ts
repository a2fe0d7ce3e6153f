/** Prompts on their way. They are kept by the browser until the service has acknowledged them. */
import { asServiceError, type Fetch, refusalOf, ServiceError } from "./client";
import { framesOf } from "./frames";
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

const PREFIX = "agent-runner.outbox.";
const LONGEST_PAUSE_MS = 15_000;
const ANSWER_MS = 30_000;

export class Outbox {
  readonly pending: Observable<readonly Pending[]>;

  readonly #options: OutboxOptions;
  readonly #underway = new Set<string>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #failures = new Map<string, number>();

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.pending = new Observable<readonly Pending[]>(this.#stored());
  }

  /** Keep a prompt and send it; its key. */
  send(prompt: Prompt): string {
    const key = (this.#options.newKey ?? (() => crypto.randomUUID()))();
    const at = new Date().toISOString();
    this.#put({ ...prompt, key, at, state: "sending", error: null });
    void this.#deliver(key);
    return key;
  }

  /** Send what is kept and not refused: after a reload, or when the network is back. */
  flush(): void {
    for (const one of this.pending.get()) if (one.state !== "refused") void this.#deliver(one.key);
  }

  retry(key: string): void {
    this.#change(key, { state: "sending", error: null });
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

  async #deliver(key: string): Promise<void> {
    const prompt = this.pending.get().find((one) => one.key === key);
    if (prompt === undefined || this.#underway.has(key)) return;
    clearTimeout(this.#timers.get(key));
    this.#underway.add(key);
    try {
      const accepted = await this.#execute(prompt);
      this.#drop(key);
      this.#options.onAccepted?.(accepted);
    } catch (caught) {
      this.#failed(key, asServiceError(caught));
    } finally {
      this.#underway.delete(key);
    }
  }

  #failed(key: string, error: ServiceError): void {
    const told = { code: error.code, message: error.message, hint: error.hint };
    if (!error.isPassing && error.status !== 401) {
      this.#change(key, { state: "refused", error: told });
      return;
    }
    this.#change(key, { state: "waiting", error: told });
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const pause = Math.max(Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures), (error.retryAfter ?? 0) * 1000);
    this.#timers.set(key, setTimeout(() => void this.#deliver(key), pause));
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

  #put(prompt: Pending): void {
    this.#options.storage.setItem(PREFIX + prompt.key, JSON.stringify(prompt));
    const others = this.pending.get().filter((one) => one.key !== prompt.key);
    this.#index([...others, prompt]);
  }

  #change(key: string, change: Partial<Pending>): void {
    const prompt = this.pending.get().find((one) => one.key === key);
    if (prompt === undefined) return;
    const next = { ...prompt, ...change };
    this.#options.storage.setItem(PREFIX + key, JSON.stringify(next));
    this.#index(this.pending.get().map((one) => (one.key === key ? next : one)));
  }

  #drop(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    this.#failures.delete(key);
    this.#options.storage.removeItem(PREFIX + key);
    this.#index(this.pending.get().filter((one) => one.key !== key));
  }

  #index(pending: readonly Pending[]): void {
    this.#options.storage.setItem(PREFIX, JSON.stringify(pending.map((one) => one.key)));
    this.pending.set(pending);
  }

  #stored(): Pending[] {
    const keys = parsed<string[]>(this.#options.storage.getItem(PREFIX)) ?? [];
    return keys.flatMap((key) => {
      const one = parsed<Pending>(this.#options.storage.getItem(PREFIX + key));
      return one === null ? [] : [one];
    });
  }
}

function bodyOf(prompt: Prompt): ExecuteBody {
  return {
    prompt: prompt.text,
    ...(prompt.conversationId === null ? { newConversation: true } : { conversationId: prompt.conversationId }),
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
