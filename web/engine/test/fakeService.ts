/** A stand-in for the service: a log of events that is streamed, replayed and cut as tests like. */
import type { Fetch } from "../src/client";
import type { Conversation, ConversationEvent, Turn } from "../src/types";

type Sink = ReadableStreamDefaultController<Uint8Array>;

const UTF8 = new TextEncoder();

export class FakeService {
  readonly asked: { method: string; url: URL; headers: Headers; body: string }[] = [];
  readonly events: ConversationEvent[] = [];
  turns: Turn[] = [];
  /** What the next requests are answered with, in the place of what would be. */
  readonly refusals: (Response | Error)[] = [];
  streams: Sink[] = [];
  conversationId = "conv_1";
  agents: string[] = [];
  /** Answers wait for this: a test may do something meanwhile. */
  gate: Promise<void> = Promise.resolve();
  readonly accepted = new Map<string, string>();

  readonly fetch: Fetch = async (input, init) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    const body = request.body === null ? "" : await request.text();
    this.asked.push({ method: request.method, url, headers: request.headers, body });
    const refusal = this.refusals.shift();
    if (refusal instanceof Error) throw refusal;
    if (refusal !== undefined) return refusal;
    if (url.pathname === "/stream") return this.#stream(url, request.signal);
    await this.gate;
    if (url.pathname.endsWith("/execute"))
      return this.#execute(request.headers.get("idempotency-key") ?? "", body);
    const run = /^\/runs\/([^/]+)\/events$/.exec(url.pathname)?.[1];
    if (run !== undefined) return sse(this.#stored().filter((event) => event.runId === run));
    if (url.pathname === `/conversations/${this.conversationId}`) return this.#page(url);
    if (url.pathname === "/approvals")
      return Response.json({ approvals: [], pending: 0, lastEventSeq: 0, nextBefore: null });
    return Response.json(
      { code: "not_found", error: "nothing is here", status: 404, title: "", type: "" },
      { status: 404 },
    );
  };

  /** Add an event to the log and tell all streams. */
  tell(event: ConversationEvent): void {
    this.events.push(event);
    const frame = frameOf(event, "seq" in event && event.seq !== undefined ? `c${event.seq}` : null);
    for (const sink of this.streams) sink.enqueue(frame);
  }

  say(text: string): void {
    for (const sink of this.streams) sink.enqueue(UTF8.encode(text));
  }

  /** End all streams, as a service that dies. */
  cut(): void {
    for (const sink of this.streams.splice(0)) sink.error(new TypeError("network error"));
  }

  get lastSeq(): number {
    return this.#stored().at(-1)?.seq ?? 0;
  }

  #stored() {
    return this.events.filter(
      (event): event is Extract<ConversationEvent, { seq: number }> =>
        "seq" in event && event.seq !== undefined,
    );
  }

  #stream(url: URL, signal: AbortSignal): Response {
    const cursor = url.searchParams.get("cursor");
    const after = cursor === null ? this.lastSeq : Number(cursor.slice(1));
    const wanted = (url.searchParams.get("conversations") ?? "").split(",").filter(Boolean);
    const body = new ReadableStream<Uint8Array>({
      start: (sink) => {
        const conversations = Object.fromEntries(wanted.map((id) => [id, after]));
        const opened = { type: "stream.opened", conversations, feeds: [], agents: this.agents };
        sink.enqueue(UTF8.encode(`id: c${after}\nevent: stream.opened\ndata: ${JSON.stringify(opened)}\n\n`));
        if (wanted.includes(this.conversationId)) {
          for (const event of this.#stored())
            if (event.seq > after) sink.enqueue(frameOf(event, `c${event.seq}`));
        }
        this.streams.push(sink);
        signal.addEventListener("abort", () => {
          if (!this.streams.includes(sink)) return;
          this.streams = this.streams.filter((one) => one !== sink);
          sink.error(new DOMException("aborted", "AbortError"));
        });
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  #page(url: URL): Response {
    const before = Number(url.searchParams.get("before") ?? Number.MAX_SAFE_INTEGER);
    const last = Number(url.searchParams.get("last") ?? 50);
    const older = this.turns.filter((turn) => turn.seq < before);
    const turns = older.slice(-last);
    const conversation = {
      conversationId: this.conversationId,
      agentId: "worker",
      lastEventSeq: this.lastSeq,
      lastTurnSeq: this.turns.at(-1)?.seq ?? 0,
      title: "A title",
    } as Conversation;
    const nextBefore = older.length > turns.length ? (turns[0]?.seq ?? null) : null;
    return Response.json({ conversation, turns, nextAfter: null, nextBefore });
  }

  #execute(key: string, body: string): Response {
    const runId = this.accepted.get(key) ?? `run_${this.accepted.size + 1}`;
    this.accepted.set(key, runId);
    const { prompt } = JSON.parse(body) as { prompt: string };
    const event = {
      type: "run.queued",
      seq: 1,
      runId,
      conversationId: this.conversationId,
      time: "",
      prompt,
    };
    return sse([event as unknown as ConversationEvent]);
  }
}

function frameOf(event: ConversationEvent, id: string | null): Uint8Array {
  const head = id === null ? "" : `id: ${id}\n`;
  return UTF8.encode(`${head}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

function sse(events: readonly ConversationEvent[]): Response {
  const text = events.map((event) => new TextDecoder().decode(frameOf(event, null))).join("");
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

export function problem(status: number, code: string, error = code, headers = {}): Response {
  return Response.json({ code, error, status, title: "", type: "about:blank" }, { status, headers });
}

/** Wait for something that comes by itself. */
export async function until(condition: () => boolean, what = "the condition"): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what} never came true`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
