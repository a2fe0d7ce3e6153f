/** The one stream of a page: opened, read, broken, opened again where it broke off. */
import { asServiceError, type Fetch, refusalOf, ServiceError } from "./client";
import { type Frame, framesOf } from "./frames";
import { Observable } from "./observable";

export type Link =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "waiting"; retryAt: number; error: ServiceError }
  | { state: "logged-out" }
  | { state: "stopped" };

export interface PageStreamOptions {
  base: string;
  fetch: Fetch;
  onFrame: (frame: Frame) => void;
  /** The stream could not go on where it was: everything has to be read anew. */
  onReset: () => void;
  /** A conversation that was asked for is gone. */
  onGone: (conversationId: string) => void;
  /** Silence after which a line counts as dead; heartbeats come every 10 s. */
  silenceMs?: number;
  random?: () => number;
}

export const FEEDS = "agents,approvals,fallback,health";
const SILENCE_MS = 25_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** Longer without a byte than this, and a line is doubted as soon as somebody looks. */
const DOUBT_MS = 11_500;

export class PageStream {
  readonly link = new Observable<Link>({ state: "stopped" });
  /** Where the stream goes on; kept by whoever takes the lead. */
  cursor: string | null = null;

  readonly #options: PageStreamOptions;
  #wanted: string[] = [];
  #attempt: AbortController | null = null;
  #wakeUp: (() => void) | null = null;
  #running = false;
  #aliveAt = 0;
  #failures = 0;

  constructor(options: PageStreamOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  stop(): void {
    this.#running = false;
    this.#attempt?.abort();
    this.#wakeUp?.();
    this.link.set({ state: "stopped" });
  }

  /** Carry these conversations from now on. `anew` opens the stream again even if it does. */
  want(conversations: readonly string[], anew = false): void {
    const next = [...new Set(conversations)].sort();
    const same = next.join() === this.#wanted.join();
    this.#wanted = next;
    if (same && !anew) return;
    this.#again();
  }

  /** Somebody looks, or the network is back: do not wait, and do not trust a silent line. */
  wake(): void {
    const isSilent = Date.now() - this.#aliveAt > DOUBT_MS;
    if (this.link.get().state !== "live" || isSilent) this.#again();
  }

  #again(): void {
    this.#failures = 0;
    this.#attempt?.abort();
    this.#wakeUp?.();
  }

  async #run(): Promise<void> {
    while (this.#running) {
      const attempt = new AbortController();
      this.#attempt = attempt;
      try {
        await this.#read(attempt.signal);
        if (attempt.signal.aborted) continue;
        await this.#pause(new ServiceError(0, "unreachable", "the stream has ended"));
      } catch (caught) {
        if (attempt.signal.aborted) continue;
        await this.#recover(asServiceError(caught));
      } finally {
        attempt.abort();
      }
    }
  }

  async #recover(error: ServiceError): Promise<void> {
    if (error.status === 401) {
      this.link.set({ state: "logged-out" });
      await this.#sleep(null);
      return;
    }
    if (error.status === 404) {
      const gone = this.#wanted.filter((id) => error.message.includes(id));
      for (const id of gone) this.#options.onGone(id);
      this.#wanted = this.#wanted.filter((id) => !gone.includes(id));
      if (gone.length > 0) return;
    }
    if (error.status === 400 && this.cursor !== null) {
      // A cursor of another database, or of one that was put back: there is no going on.
      this.cursor = null;
      this.#options.onReset();
      return;
    }
    await this.#pause(error);
  }

  async #read(signal: AbortSignal): Promise<void> {
    if (this.link.get().state !== "live") this.link.set({ state: "connecting" });
    const query = new URLSearchParams({ feeds: FEEDS });
    if (this.#wanted.length > 0) query.set("conversations", this.#wanted.join());
    if (this.cursor !== null) query.set("cursor", this.cursor);
    const silenceMs = this.#options.silenceMs ?? SILENCE_MS;
    const answer = await this.#opened(`${this.#options.base}/stream?${query}`, signal, silenceMs);
    this.#aliveAt = Date.now();
    const watch = { silenceMs, alive: () => (this.#aliveAt = Date.now()) };
    for await (const frame of framesOf(answer, watch)) {
      if (signal.aborted) return;
      if (frame.id !== null && frame.id !== "") this.cursor = frame.id;
      if (frame.type === "stream.opened") {
        this.#failures = 0;
        this.link.set({ state: "live" });
      }
      this.#options.onFrame(frame);
    }
  }

  async #opened(url: string, signal: AbortSignal, limitMs: number): Promise<ReadableStream<Uint8Array>> {
    const late = AbortSignal.timeout(limitMs);
    const headers = { Accept: "text/event-stream" };
    const limited = new AbortController();
    const give = () => limited.abort();
    signal.addEventListener("abort", give);
    late.addEventListener("abort", give);
    const response = await this.#options.fetch(url, {
      headers,
      signal: limited.signal,
      cache: "no-store",
      credentials: "same-origin",
    });
    late.removeEventListener("abort", give);
    if (!response.ok) throw await refusalOf(response);
    if (response.body === null) throw new ServiceError(0, "unreachable", "the stream has no body");
    return response.body;
  }

  async #pause(error: ServiceError): Promise<void> {
    if (!this.#running) return;
    const random = this.#options.random ?? Math.random;
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    const pause = Math.max(longest * (0.5 + random() / 2), (error.retryAfter ?? 0) * 1000);
    this.link.set({ state: "waiting", retryAt: Date.now() + pause, error });
    await this.#sleep(pause);
  }

  /** Until the time is over, or somebody wakes it; null waits for that alone. */
  async #sleep(ms: number | null): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wakeUp = resolve;
      if (ms !== null) timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    this.#wakeUp = null;
  }
}
