/**
 * One stream for all tabs of a browser, which has six connections to a host: the tab that holds a
 * Web Lock reads it and tells the others on a BroadcastChannel.
 */
import type { Frame } from "./frames";
import { Observable } from "./observable";
import { type Link, PageStream, type PageStreamOptions } from "./pageStream";

/** What tabs say to each other. */
type Word =
  | { kind: "want"; tab: string; conversations: string[]; anew: boolean }
  | { kind: "who" }
  | { kind: "bye"; tab: string }
  | { kind: "frame"; frame: Frame }
  | { kind: "link"; link: Link; cursor: string | null }
  | { kind: "reset" }
  | { kind: "gone"; conversationId: string }
  | { kind: "wake" };

export interface Channel {
  postMessage(word: unknown): void;
  close(): void;
  onmessage: ((event: { data: unknown }) => void) | null;
}

export interface Locks {
  request(
    name: string,
    options: { steal?: boolean; signal?: AbortSignal },
    held: () => Promise<void>,
  ): Promise<unknown>;
}

export interface TabsOptions
  extends Pick<PageStreamOptions, "base" | "fetch" | "onFrame" | "onReset" | "onGone" | "silenceMs"> {
  tab: string;
  channel: Channel;
  locks: Locks;
  /** How often the leader says that it lives. */
  beatMs?: number;
}

const LOCK = "agent-runner-stream";
const BEAT_MS = 4_000;
/** So many beats without a word, and a tab that is looked at takes the lead itself. */
const LOST_BEATS = 3;

export class Tabs {
  readonly link = new Observable<Link>({ state: "connecting" });
  readonly leads = new Observable(false);

  readonly #options: TabsOptions;
  readonly #wants = new Map<string, string[]>();
  readonly #closed = new AbortController();
  #stream: PageStream | null = null;
  #step: (() => void) | null = null;
  #cursor: string | null = null;
  #heardAt = Date.now();
  #beat: ReturnType<typeof setInterval> | undefined;

  constructor(options: TabsOptions) {
    this.#options = options;
    options.channel.onmessage = (event) => this.#hear(event.data as Word);
    this.#ask();
    this.#compete(false);
  }

  get #beatMs(): number {
    return this.#options.beatMs ?? BEAT_MS;
  }

  /** The conversations that this tab shows; a new one among them opens the stream anew. */
  want(conversations: readonly string[]): void {
    const before = this.#wants.get(this.#options.tab) ?? [];
    const anew = conversations.some((id) => !before.includes(id));
    this.#wants.set(this.#options.tab, [...conversations]);
    if (this.#stream !== null) this.#stream.want(this.#union(), anew);
    else this.#say({ kind: "want", tab: this.#options.tab, conversations: [...conversations], anew });
  }

  /** This tab is looked at again, or the network is back. */
  wake(): void {
    if (this.#stream !== null) this.#stream.wake();
    else if (this.#isLeaderLost()) this.#compete(true);
    else this.#say({ kind: "wake" });
  }

  /** This tab shows nothing any more; it may come back. */
  leave(): void {
    this.#wants.delete(this.#options.tab);
    this.#say({ kind: "bye", tab: this.#options.tab });
  }

  close(): void {
    this.leave();
    this.#closed.abort();
    this.#step?.();
    this.#options.channel.close();
  }

  #isLeaderLost(): boolean {
    return Date.now() - this.#heardAt > LOST_BEATS * this.#beatMs;
  }

  /** Whoever leads opens the stream anew, which tells all that it told at its beginning. */
  #ask(): void {
    const conversations = this.#wants.get(this.#options.tab) ?? [];
    this.#say({ kind: "want", tab: this.#options.tab, conversations, anew: true });
  }

  #compete(steal: boolean): void {
    const options = steal ? { steal: true } : { signal: this.#closed.signal };
    this.#options.locks
      .request(`${LOCK} ${this.#options.base}`, options, () => this.#lead())
      .catch(() => {
        // The lock was stolen, or the tab closes; who has lost it waits for it again.
        this.#follow();
        if (this.#closed.signal.aborted) return;
        this.#ask();
        this.#compete(false);
      });
  }

  async #lead(): Promise<void> {
    const { base, fetch, silenceMs } = this.#options;
    const stream = new PageStream({
      base,
      fetch,
      ...(silenceMs === undefined ? {} : { silenceMs }),
      onFrame: (frame) => this.#tell({ kind: "frame", frame }),
      onReset: () => this.#tell({ kind: "reset" }),
      onGone: (conversationId) => this.#tell({ kind: "gone", conversationId }),
    });
    stream.cursor = this.#cursor;
    stream.want(this.#union());
    const unwatch = stream.link.subscribe(() => this.#tellLink());
    this.#stream = stream;
    this.leads.set(true);
    this.#say({ kind: "who" });
    this.#beat = setInterval(() => this.#tellLink(), this.#beatMs);
    stream.start();
    try {
      await new Promise<void>((resolve) => {
        this.#step = resolve;
      });
    } finally {
      unwatch();
      this.#follow();
    }
  }

  #follow(): void {
    clearInterval(this.#beat);
    this.#cursor = this.#stream?.cursor ?? this.#cursor;
    this.#stream?.stop();
    this.#stream = null;
    this.#step?.();
    this.#step = null;
    this.#heardAt = Date.now();
    this.leads.set(false);
  }

  #tellLink(): void {
    if (this.#stream === null) return;
    this.#tell({ kind: "link", link: this.#stream.link.get(), cursor: this.#stream.cursor });
  }

  /** To the other tabs, and to this one. */
  #tell(word: Word): void {
    this.#say(word);
    this.#take(word);
  }

  #say(word: Word): void {
    if (!this.#closed.signal.aborted) this.#options.channel.postMessage(word);
  }

  #hear(word: Word): void {
    switch (word.kind) {
      case "want":
        this.#wants.set(word.tab, word.conversations);
        this.#stream?.want(this.#union(), word.anew);
        return;
      case "bye":
        this.#wants.delete(word.tab);
        this.#stream?.want(this.#union());
        return;
      case "wake":
        this.#stream?.wake();
        return;
      case "who": {
        const conversations = this.#wants.get(this.#options.tab) ?? [];
        this.#say({ kind: "want", tab: this.#options.tab, conversations, anew: false });
        return;
      }
      default:
        this.#heardAt = Date.now();
        if (this.#stream === null) this.#take(word);
    }
  }

  #take(word: Word): void {
    switch (word.kind) {
      case "frame":
        if (word.frame.id) this.#cursor = word.frame.id;
        this.#options.onFrame(word.frame);
        return;
      case "link":
        this.#cursor = word.cursor ?? this.#cursor;
        this.link.set(word.link);
        return;
      case "reset":
        this.#cursor = null;
        this.#options.onReset();
        return;
      case "gone":
        this.#options.onGone(word.conversationId);
    }
  }

  #union(): string[] {
    return [...new Set([...this.#wants.values()].flat())];
  }
}
