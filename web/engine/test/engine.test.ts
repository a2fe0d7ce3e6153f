import { afterEach, describe, expect, test, vi } from "vitest";
import type { Channel } from "../src/tabs";
import { Engine } from "../src/engine";
import type { Fetch } from "../src/client";
import type { Agent, Approval } from "../src/types";
import { FakeService, problem, until } from "./fakeService";

const engines: Engine[] = [];

afterEach(() => {
  for (const engine of engines.splice(0)) engine.close();
  vi.unstubAllGlobals();
});

function made(service: FakeService, fetch: Fetch = service.fetch): Engine {
  const kept = new Map<string, string>();
  const channel: Channel = { postMessage: () => undefined, close: () => undefined, onmessage: null };
  const engine = new Engine({
    base: "http://service",
    fetch,
    locks: { request: (_, __, held) => held() },
    channel,
    storage: {
      get length() {
        return kept.size;
      },
      key: (at) => [...kept.keys()][at] ?? null,
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    },
  });
  engines.push(engine);
  return engine;
}

const told = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
const agent = (agentId: string) => told({ type: "agent.changed", agent: { agentId } as Agent });
const approval = (approvalId: string, state: string) => ({ approvalId, state }) as Approval;

/** Holds the answers to `/approvals` as they are at the time of the question. */
function holding(service: FakeService) {
  const waiting: (() => void)[] = [];
  let list: Approval[] = [];
  const fetch: Fetch = async (input, init) => {
    const { pathname } = new URL(new Request(input, init).url);
    if (pathname !== "/approvals") return service.fetch(input, init);
    const answer = Response.json({ approvals: list, pending: 0, lastEventSeq: 0, nextBefore: null });
    await new Promise<void>((resolve) => waiting.push(resolve));
    return answer;
  };
  return {
    fetch,
    asked: () => waiting.length,
    become: (next: Approval[]) => (list = next),
    answer: () => {
      for (const resolve of waiting.splice(0)) resolve();
    },
  };
}

describe("agents", () => {
  test("that were deleted while the stream was away are gone", async () => {
    const service = new FakeService();
    service.agents = ["a", "b"];
    const engine = made(service);
    await until(() => service.streams.length === 1);
    service.say(agent("a"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(engine.agents.get()).toBe(null);
    service.say(agent("b"));
    await until(() => engine.agents.get()?.size === 2);
    service.agents = ["b"];
    service.cut();
    await until(() => engine.agents.get()?.size === 1);
    expect([...(engine.agents.get()?.keys() ?? [])]).toEqual(["b"]);
  });

  test("are known to be none", async () => {
    const engine = made(new FakeService());
    await until(() => engine.agents.get() !== null);
    expect(engine.agents.get()?.size).toBe(0);
  });
});

describe("approvals", () => {
  test("that are told while the list is on its way stay", async () => {
    const service = new FakeService();
    const list = holding(service);
    const engine = made(service, list.fetch);
    await until(() => service.streams.length === 1);
    await until(() => list.asked() === 2);
    service.say(told({ feed: "approvals", approval: approval("a", "pending") }));
    await until(() => engine.approvals.get()?.size === 1);
    list.answer();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(engine.approvals.get()?.get("a")?.state).toBe("pending");
  });

  test("that are asked between the list and the stream's beginning are read", async () => {
    const service = new FakeService();
    const list = holding(service);
    service.refusals.push(new TypeError("refused"));
    const engine = made(service, list.fetch);
    await until(() => list.asked() === 1);
    list.become([approval("a", "pending")]);
    list.answer();
    engine.tabs.wake();
    await until(() => list.asked() === 1);
    list.answer();
    await until(() => engine.approvals.get()?.size === 1);
  });

  test("of another database are forgotten", async () => {
    const service = new FakeService();
    const engine = made(service);
    await until(() => service.streams.length === 1);
    service.say(`id: c1\n${told({ feed: "approvals", approval: approval("a", "approved") })}`);
    await until(() => engine.approvals.get()?.size === 1);
    service.refusals.push(problem(400, "foreign_cursor"));
    service.cut();
    await until(() => engine.approvals.get()?.size === 0);
  });
});

describe("the engine", () => {
  test("works without a secure context", () => {
    vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
    const service = new FakeService();
    const prompt = {
      agentId: "a",
      conversationId: null,
      text: "x",
      attachments: [],
      busy: null,
      mode: null,
      model: null,
      permissionMode: null,
    };
    expect(made(service).send(prompt)).not.toBe(made(service).send(prompt));
  });

  test("opens any number of conversations", async () => {
    const engine = made(new FakeService());
    const logs = Array.from({ length: 14 }, (_, at) => engine.open(`conv_${at}`));
    await until(() => logs.every((log) => log.view.get().state !== "loading"));
  });
});
