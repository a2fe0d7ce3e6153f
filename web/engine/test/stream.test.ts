import { afterEach, describe, expect, test, vi } from "vitest";
import { type Frame, framesOf, SilenceError } from "../src/frames";
import { PageStream } from "../src/pageStream";
import type { ConversationEvent } from "../src/types";
import { FakeService, problem, until } from "./fakeService";
import { seeded } from "./recorded";

const TEXT = 'id: 1\nevent: a\ndata: {"x":"ü😀"}\n\n: heartbeat\n\nevent: b\ndata: one\ndata: two\n\n';

async function all(body: ReadableStream<Uint8Array>): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of framesOf(body, { silenceMs: 1000 })) frames.push(frame);
  return frames;
}

describe("frames", () => {
  test("are the same however the bytes are cut", async () => {
    const bytes = new TextEncoder().encode(TEXT);
    for (let seed = 1; seed <= 100; seed += 1) {
      const random = seeded(seed);
      const body = new ReadableStream<Uint8Array>({
        start(sink) {
          for (let at = 0; at < bytes.length; ) {
            const size = 1 + Math.floor(random() * 7);
            sink.enqueue(bytes.slice(at, at + size));
            at += size;
          }
          sink.close();
        },
      });
      expect(await all(body)).toEqual([
        { id: "1", type: "a", data: '{"x":"ü😀"}' },
        { id: null, type: "b", data: "one\ntwo" },
      ]);
    }
  });

  test("of a silent line are given up", async () => {
    const silent = new ReadableStream<Uint8Array>();
    const read = framesOf(silent, { silenceMs: 20 }).next();
    await expect(read).rejects.toBeInstanceOf(SilenceError);
  });
});

describe("the one stream", () => {
  let stream: PageStream;
  afterEach(() => {
    stream.stop();
    vi.restoreAllMocks();
  });

  function made(service: FakeService, silenceMs = 1000) {
    const frames: Frame[] = [];
    const gone: string[] = [];
    let resets = 0;
    stream = new PageStream({
      base: "http://service",
      fetch: service.fetch,
      silenceMs,
      random: () => 0,
      onFrame: (frame) => frames.push(frame),
      onReset: () => (resets += 1),
      onGone: (id) => gone.push(id),
    });
    return { frames, gone, resets: () => resets };
  }
  const message = (seq: number) =>
    ({
      type: "message.completed",
      seq,
      runId: "r",
      conversationId: "conv_1",
      time: "",
      itemId: `${seq}`,
      text: "",
    }) as ConversationEvent;
  const seqs = (frames: Frame[]) =>
    frames
      .filter((one) => one.type === "message.completed")
      .map((one) => (JSON.parse(one.data) as { seq: number }).seq);

  test("goes on after a cut with neither a gap nor a repetition", async () => {
    const service = new FakeService();
    const { frames } = made(service);
    stream.want(["conv_1"]);
    stream.start();
    await until(() => stream.link.get().state === "live");
    for (let seq = 1; seq <= 60; seq += 1) {
      service.tell(message(seq));
      if (seq % 7 === 0) {
        service.cut();
        await until(() => service.streams.length === 1);
      }
    }
    await until(() => seqs(frames).length >= 60);
    expect(seqs(frames)).toEqual(Array.from({ length: 60 }, (_, at) => at + 1));
  });

  test("keeps its place when other conversations are wanted", async () => {
    const service = new FakeService();
    const { frames } = made(service);
    stream.want(["conv_1"]);
    stream.start();
    await until(() => stream.link.get().state === "live");
    service.tell(message(1));
    await until(() => seqs(frames).length === 1);
    stream.want(["conv_1", "conv_2"]);
    service.tell(message(2));
    await until(() => seqs(frames).length === 2);
    expect(service.asked.at(-1)?.url.searchParams.get("cursor")).toBe("c1");
    expect(service.asked.at(-1)?.url.searchParams.get("conversations")).toBe("conv_1,conv_2");
  });

  test("is opened again when nothing comes, not even a heartbeat", async () => {
    const service = new FakeService();
    made(service, 40);
    stream.start();
    await until(() => service.asked.length >= 3);
  });

  test("waits longer each time the service is away, and not at all once somebody looks", async () => {
    const service = new FakeService();
    made(service);
    for (let at = 0; at < 3; at += 1) service.refusals.push(new TypeError("refused"));
    stream.start();
    await until(() => stream.link.get().state === "waiting");
    const first = stream.link.get();
    expect(first.state === "waiting" && first.error.code).toBe("unreachable");
    stream.wake();
    await until(() => service.asked.length === 2);
    stream.wake();
    stream.wake();
    await until(() => stream.link.get().state === "live");
  });

  test("asks when the service says that it may be asked", async () => {
    const service = new FakeService();
    made(service);
    service.refusals.push(problem(503, "too_many_streams", "full", { "retry-after": "3" }));
    stream.start();
    await until(() => stream.link.get().state === "waiting");
    const link = stream.link.get();
    expect(link.state === "waiting" && link.retryAt - Date.now()).toBeGreaterThan(2000);
  });

  test("does not ask again and again without a login", async () => {
    const service = new FakeService();
    made(service);
    service.refusals.push(problem(401, "unauthorized"));
    stream.start();
    await until(() => stream.link.get().state === "logged-out");
    expect(service.asked.length).toBe(1);
    stream.wake();
    await until(() => stream.link.get().state === "live");
  });

  test("begins anew with a cursor of another database", async () => {
    const service = new FakeService();
    const { resets } = made(service);
    stream.cursor = "c999";
    service.refusals.push(problem(400, "invalid_cursor"));
    stream.start();
    await until(() => stream.link.get().state === "live");
    expect(resets()).toBe(1);
    expect(service.asked.at(-1)?.url.searchParams.has("cursor")).toBe(false);
  });

  test("does without a conversation that was deleted", async () => {
    const service = new FakeService();
    const { gone } = made(service);
    service.refusals.push(problem(404, "conversation_not_found", "no conversation conv_2"));
    stream.want(["conv_1", "conv_2"]);
    stream.start();
    await until(() => stream.link.get().state === "live");
    expect(gone).toEqual(["conv_2"]);
    expect(service.asked.at(-1)?.url.searchParams.get("conversations")).toBe("conv_1");
  });

  test("does not trust a line that was silent while the machine slept", async () => {
    const service = new FakeService();
    made(service, 60_000);
    stream.start();
    await until(() => stream.link.get().state === "live");
    stream.wake();
    expect(service.asked.length).toBe(1);
    const now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => now + 30_000);
    stream.wake();
    vi.restoreAllMocks();
    await until(() => service.asked.length === 2);
    await until(() => stream.link.get().state === "live");
  });
});
