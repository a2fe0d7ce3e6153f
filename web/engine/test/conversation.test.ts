import { afterEach, describe, expect, test, vi } from "vitest";
import { client } from "../src/client";
import { ConversationLog } from "../src/conversation";
import type { ConversationEvent, Turn } from "../src/types";
import { FakeService, problem, until } from "./fakeService";
import { seeded } from "./recorded";

let clock = 1_700_000_000_000;
const time = () => new Date((clock += 1000)).toISOString();

/** A run of one prompt and one answer, with its turns. */
function exchange(service: FakeService, number: number): ConversationEvent[] {
  const runId = `run_${number}`;
  const common = { runId, conversationId: service.conversationId };
  let seq = number * 4 - 3;
  const event = (type: string, fields: object) =>
    ({ type, seq: seq++, ...common, time: time(), ...fields }) as unknown as ConversationEvent;
  return [
    event("run.queued", { prompt: `prompt ${number}`, turnId: `turn_${number}p`, agentId: "worker" }),
    event("run.started", { form: "warm", mode: "headless", agentType: "claude-code", reason: "" }),
    event("message.completed", { itemId: `m${number}`, text: `answer ${number}` }),
    event("run.finished", { state: "succeeded", success: true, durationMs: 1, turnId: `turn_${number}a` }),
  ];
}

function turnsOf(number: number): Turn[] {
  const runId = `run_${number}`;
  const common = { conversationId: "conv_1", runId, metadata: {}, createdAt: time(), attachments: [] };
  return [
    {
      ...common,
      turnId: `turn_${number}p`,
      seq: number * 2 - 1,
      role: "user",
      direction: "inbound",
      content: `prompt ${number}`,
    },
    {
      ...common,
      turnId: `turn_${number}a`,
      seq: number * 2,
      role: "assistant",
      direction: "outbound",
      content: `answer ${number}`,
    },
  ];
}

function stored(count: number): FakeService {
  const service = new FakeService();
  for (let number = 1; number <= count; number += 1) {
    service.turns.push(...turnsOf(number));
    service.events.push(...exchange(service, number));
  }
  return service;
}

function opened(service: FakeService): ConversationLog {
  const base = "http://service";
  const nextFrame = (work: () => void) => queueMicrotask(work);
  return new ConversationLog("conv_1", {
    api: client(base, service.fetch),
    base,
    fetch: service.fetch,
    nextFrame,
  });
}

/** What a reader sees: prompts, and what was said to each. */
function shown(log: ConversationLog): string[] {
  return log.view.get().entries.flatMap((entry) => {
    if (entry.kind === "turn") return [entry.turn.content];
    const prompt = entry.run?.prompt ?? entry.prompt?.content;
    const said = entry.run?.blocks.flatMap((block) => (block.kind === "message" ? [block.text] : [])) ?? [];
    const answer = said.length > 0 ? said : entry.answer === null ? [] : [entry.answer.content];
    return [...(prompt === undefined ? [] : [prompt]), ...answer].filter(
      (one): one is string => one !== null,
    );
  });
}

const wanted = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => [`prompt ${from + at}`, `answer ${from + at}`]).flat();

describe("a conversation", () => {
  afterEach(() => void vi.useRealTimers());

  test("shows its last turns first, and older ones when asked", async () => {
    const service = stored(60);
    const log = opened(service);
    await until(() => log.view.get().state === "ready");
    expect(shown(log)).toEqual(wanted(36, 60));
    expect(log.view.get().hasOlder).toBe(true);
    await log.older();
    await until(() => shown(log).length === 100);
    await log.older();
    await until(() => shown(log).length === 120);
    expect(shown(log)).toEqual(wanted(1, 60));
    expect(log.view.get().hasOlder).toBe(false);
  });

  test("is read back to a turn that somebody points at", async () => {
    const log = opened(stored(100));
    expect(await log.reach("turn_3p")).toBe(true);
    expect(await log.reach("turn_none")).toBe(false);
  });

  test("goes on live", async () => {
    const service = stored(2);
    const log = opened(service);
    await until(() => log.view.get().state === "ready");
    for (const event of exchange(service, 3)) log.take(event);
    await until(() => shown(log).length === 6);
    expect(shown(log)).toEqual(wanted(1, 3));
    const last = log.view.get().entries.at(-1);
    expect(last?.kind === "run" && [last.isWhole, last.run?.finished?.turnId]).toEqual([true, "turn_3a"]);
  });

  test("reads what it has missed: the stream begins later than what it knows", async () => {
    const service = stored(1);
    const log = opened(service);
    await until(() => log.view.get().state === "ready");
    service.turns.push(...turnsOf(2));
    service.events.push(...exchange(service, 2));
    log.opened(service.lastSeq);
    await until(() => shown(log).length === 4);
    expect(shown(log)).toEqual(wanted(1, 2));
  });

  test("reads what it has missed: an event comes that does not follow the last one", async () => {
    const service = stored(1);
    const log = opened(service);
    await until(() => log.view.get().state === "ready");
    service.turns.push(...turnsOf(2));
    const events = exchange(service, 2);
    service.events.push(...events);
    log.take(events.at(-1) as ConversationEvent);
    await until(() => shown(log).length === 4);
    expect(shown(log)).toEqual(wanted(1, 2));
  });

  test("reads a run whose beginning it has not seen", async () => {
    const service = stored(1);
    service.turns.push(...turnsOf(2).slice(0, 1));
    const events = exchange(service, 2);
    service.events.push(...events.slice(0, 3));
    const log = opened(service);
    await until(() => log.view.get().state === "ready");
    service.events.push(...events.slice(3));
    log.take(events[3] as ConversationEvent);
    await until(() => shown(log).includes("answer 2"));
    expect(shown(log)).toEqual(wanted(1, 2));
  });

  test("is told as gone, or as failed until it can be read", async () => {
    const gone = new FakeService();
    gone.refusals.push(problem(404, "conversation_not_found"));
    const log = opened(gone);
    await until(() => log.view.get().state === "gone");
    const away = stored(1);
    away.refusals.push(new TypeError("refused"));
    const other = opened(away);
    await until(() => other.view.get().state === "failed");
    expect(other.view.get().error?.code).toBe("unreachable");
    other.opened(4);
    await until(() => other.view.get().state === "ready");
  });

  test("reads what came between its answer and the stream's beginning", async () => {
    const service = stored(1);
    const late: typeof service.fetch = async (input, init) => {
      const answer = await service.fetch(input, init);
      if (service.turns.length > 2) return answer;
      // While the answer is on its way a run begins and ends, and only then the stream begins.
      service.turns.push(...turnsOf(2));
      service.events.push(...exchange(service, 2));
      log.opened(service.lastSeq);
      return answer;
    };
    const base = "http://service";
    const nextFrame = (work: () => void) => queueMicrotask(work);
    const parts = { api: client(base, late), base, fetch: service.fetch, nextFrame };
    const log: ConversationLog = new ConversationLog("conv_1", parts);
    await until(() => shown(log).length === 4);
  });

  test("does not forget what it has missed when it cannot be read just then", async () => {
    const service = stored(1);
    const log = opened(service);
    await until(() => log.view.get().state === "ready");
    service.turns.push(...turnsOf(2));
    const events = exchange(service, 2);
    service.events.push(...events);
    log.take(events[0] as ConversationEvent);
    // A page of turns, and the run's events: neither can be had when the gap is noticed.
    service.refusals.push(problem(503, "busy"), problem(503, "busy"));
    log.take(events[3] as ConversationEvent);
    await until(() => service.refusals.length === 0);
    log.opened(service.lastSeq);
    await until(() => shown(log).length === 4);
    expect(shown(log)).toEqual(wanted(1, 2));
  });

  test("asks again for events that could not be read, but not at once, and not for what is gone", async () => {
    const service = stored(2);
    const runs = () => service.asked.filter(({ url }) => url.pathname.startsWith("/runs/")).length;
    let open: () => void = () => undefined;
    service.gate = new Promise((resolve) => (open = resolve));
    const log = opened(service);
    await until(() => service.asked.length === 1);
    service.refusals.push(problem(503, "busy"), problem(404, "run_not_found"));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    open();
    await vi.waitFor(() => expect(runs()).toBe(2));
    for (const number of [1, 2]) log.show(`run_${number}`);
    await vi.advanceTimersByTimeAsync(1000);
    expect(runs()).toBe(2);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(runs()).toBe(3);
    log.close();
  });

  test("is read back to a turn though older ones are on their way already", async () => {
    const log = opened(stored(100));
    await until(() => log.view.get().state === "ready");
    void log.older();
    expect(await log.reach("turn_3p")).toBe(true);
  });

  test("keeps entries that have not changed", async () => {
    const service = stored(3);
    const log = opened(service);
    const wholes = () => log.view.get().entries.filter((entry) => entry.kind === "run" && entry.isWhole);
    await until(() => wholes().length === 3);
    const before = log.view.get().entries;
    const [queued, started] = exchange(service, 4);
    log.take(queued as ConversationEvent);
    log.take(started as ConversationEvent);
    log.take({
      type: "message.delta",
      runId: "run_4",
      conversationId: "conv_1",
      itemId: "m4",
      text: "an",
    } as ConversationEvent);
    await until(() => log.view.get().entries.length === 4);
    expect(
      log.view
        .get()
        .entries.slice(0, 3)
        .every((entry, at) => entry === before[at]),
    ).toBe(true);
  });

  test("ends with what is stored, whatever comes in between", async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = seeded(seed);
      const service = stored(1);
      let open: () => void = () => undefined;
      service.gate = new Promise((resolve) => (open = resolve));
      const log = opened(service);
      const events = [2, 3].flatMap((number) => exchange(service, number));
      let position = service.lastSeq;
      for (const [at, event] of events.entries()) {
        if (at === 0) service.turns.push(...turnsOf(2));
        if (at === 4) service.turns.push(...turnsOf(3));
        service.events.push(event);
        // Some are heard live, some are lost with a line that breaks.
        if (random() < 0.6) log.take(event);
        if (random() < 0.3) open();
        if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve));
        if (random() < 0.4) {
          const known = position;
          position = service.lastSeq;
          log.opened(known);
        }
      }
      open();
      log.opened(service.lastSeq);
      await until(() => shown(log).length === 6, `seed ${seed}: ${shown(log).join()}`);
      expect(shown(log)).toEqual(wanted(1, 3));
      log.close();
    }
  });
});
