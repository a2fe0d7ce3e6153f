/** Server-sent events over fetch, with a watchdog: a line that is silent too long is given up. */
import { createParser, type EventSourceMessage } from "eventsource-parser";

export interface Frame {
  /** Where a stream goes on after this frame; null for what is not stored. */
  id: string | null;
  type: string;
  data: string;
}

/** Nothing came for too long, not even a heartbeat. */
export class SilenceError extends Error {
  constructor(readonly afterMs: number) {
    super(`nothing came for ${afterMs} ms`);
    this.name = "SilenceError";
  }
}

export interface Watch {
  silenceMs: number;
  /** Called for every piece that comes, heartbeats too. */
  alive?: () => void;
}

/** The frames of a body, in order, until it ends. */
export async function* framesOf(
  body: ReadableStream<Uint8Array>,
  watch: Watch,
): AsyncGenerator<Frame, void, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const ready: Frame[] = [];
  const parser = createParser({
    onEvent: (event: EventSourceMessage) => {
      ready.push({ id: event.id ?? null, type: event.event ?? "message", data: event.data });
    },
  });
  try {
    for (;;) {
      const piece = await withLimit(reader.read(), watch.silenceMs);
      if (piece.done) return;
      watch.alive?.();
      parser.feed(decoder.decode(piece.value, { stream: true }));
      yield* ready.splice(0);
    }
  } finally {
    // A reader that was cut off rejects here as well; nobody waits for that any more.
    reader.cancel().catch(() => undefined);
  }
}

async function withLimit<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SilenceError(limitMs)), limitMs);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
