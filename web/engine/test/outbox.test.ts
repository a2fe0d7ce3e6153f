import { describe, expect, test } from "vitest";
import { type Accepted, Outbox, type Prompt, type Storage } from "../src/outbox";
import { FakeService, problem, until } from "./fakeService";

class FakeStorage implements Storage {
  readonly #kept = new Map<string, string>();
  isFull = false;
  key = (at: number) => [...this.#kept.keys()][at] ?? null;
  getItem = (key: string) => this.#kept.get(key) ?? null;
  setItem = (key: string, value: string) => {
    if (this.isFull) throw new DOMException("full", "QuotaExceededError");
    this.#kept.set(key, value);
  };
  removeItem = (key: string) => void this.#kept.delete(key);
  get length() {
    return this.#kept.size;
  }
}

const PROMPT: Prompt = {
  agentId: "worker",
  conversationId: null,
  text: "Hello",
  attachments: [],
  busy: null,
  mode: null,
  model: null,
  permissionMode: null,
};

function made(service: FakeService, storage = new FakeStorage()) {
  const accepted: Accepted[] = [];
  const outbox = new Outbox({
    base: "http://service",
    fetch: service.fetch,
    storage,
    onAccepted: (one) => accepted.push(one),
  });
  return { outbox, accepted, storage };
}

describe("the outbox", () => {
  test("keeps a prompt until the service has it", async () => {
    const service = new FakeService();
    const { outbox, accepted } = made(service);
    const key = outbox.send(PROMPT);
    expect(outbox.pending.get().map((one) => one.state)).toEqual(["sending"]);
    await until(() => accepted.length === 1);
    expect(accepted[0]).toEqual({ key, runId: "run_1", conversationId: "conv_1" });
    expect(outbox.pending.get()).toEqual([]);
    expect(service.asked[0]?.headers.get("idempotency-key")).toBe(key);
    expect(JSON.parse(service.asked[0]?.body ?? "")).toEqual({ prompt: "Hello", newConversation: true });
  });

  test("sends it again under the same key while the service is away", async () => {
    const service = new FakeService();
    service.refusals.push(new TypeError("refused"), problem(503, "shutting_down"));
    const { outbox, accepted } = made(service);
    outbox.send(PROMPT);
    await until(() => outbox.pending.get()[0]?.state === "waiting");
    outbox.flush();
    await until(() => service.asked.length === 2);
    await until(() => outbox.pending.get()[0]?.error?.code === "shutting_down");
    outbox.flush();
    await until(() => accepted.length === 1);
    expect(new Set(service.asked.map((one) => one.headers.get("idempotency-key"))).size).toBe(1);
    expect(service.accepted.size).toBe(1);
  });

  test("survives a reload", async () => {
    const away = new FakeService();
    away.refusals.push(new TypeError("refused"));
    const { outbox, storage } = made(away);
    outbox.send(PROMPT);
    await until(() => outbox.pending.get()[0]?.state === "waiting");
    const service = new FakeService();
    const again = made(service, storage);
    expect(again.outbox.pending.get().map((one) => one.text)).toEqual(["Hello"]);
    again.outbox.flush();
    await until(() => again.accepted.length === 1);
    expect(again.outbox.pending.get()).toEqual([]);
  });

  test("tells what was refused, and sends it once more or forgets it", async () => {
    const service = new FakeService();
    service.refusals.push(problem(422, "prompt_too_long", "too long"));
    const { outbox, accepted } = made(service);
    const key = outbox.send(PROMPT);
    await until(() => outbox.pending.get()[0]?.state === "refused");
    expect(outbox.pending.get()[0]?.error).toMatchObject({ code: "prompt_too_long", message: "too long" });
    outbox.flush();
    expect(service.asked.length).toBe(1);
    outbox.retry(key);
    await until(() => accepted.length === 1);
    service.refusals.push(problem(404, "agent_not_found"));
    const other = outbox.send(PROMPT);
    await until(() => outbox.pending.get()[0]?.state === "refused");
    outbox.discard(other);
    expect(outbox.pending.get()).toEqual([]);
  });

  test("reads what is no JSON as nothing", () => {
    const storage = new FakeStorage();
    storage.setItem("agent-runner.outbox.1", "{");
    expect(made(new FakeService(), storage).outbox.pending.get()).toEqual([]);
  });

  test("keeps what two tabs have written at the same time", async () => {
    const away = new FakeService();
    away.refusals.push(new TypeError("refused"), new TypeError("refused"));
    const storage = new FakeStorage();
    const tabs = [made(away, storage), made(away, storage)];
    tabs[0]?.outbox.send({ ...PROMPT, text: "One" });
    tabs[1]?.outbox.send({ ...PROMPT, text: "Two" });
    const again = made(new FakeService(), storage);
    expect(new Set(again.outbox.pending.get().map((one) => one.text))).toEqual(new Set(["One", "Two"]));
    for (const { outbox } of [...tabs, again]) outbox.close();
  });

  test("sends the prompts of a conversation in their order, also once the service is back", async () => {
    const service = new FakeService();
    service.refusals.push(new TypeError("refused"));
    const { outbox, accepted } = made(service);
    for (const text of ["One", "Two", "Three"]) outbox.send({ ...PROMPT, conversationId: "conv_1", text });
    await until(() => outbox.pending.get()[0]?.state === "waiting");
    expect(service.asked.length).toBe(1);
    outbox.flush();
    await until(() => accepted.length === 3);
    const texts = service.asked.map((one) => (JSON.parse(one.body) as { prompt: string }).prompt);
    expect(texts).toEqual(["One", "One", "Two", "Three"]);
  });

  test("puts what follows the first prompt into its conversation", async () => {
    const service = new FakeService();
    const { outbox, accepted } = made(service);
    const first = outbox.send(PROMPT);
    outbox.send({ ...PROMPT, text: "Two", follows: first });
    await until(() => accepted.length === 2);
    expect(service.asked.map((one) => JSON.parse(one.body) as unknown)).toEqual([
      { prompt: "Hello", newConversation: true },
      { prompt: "Two", conversationId: "conv_1" },
    ]);
  });

  test("refuses what follows a first prompt that was refused", async () => {
    const service = new FakeService();
    service.refusals.push(problem(422, "prompt_too_long"));
    const { outbox, accepted } = made(service);
    const first = outbox.send(PROMPT);
    outbox.send({ ...PROMPT, text: "Two", follows: first });
    await until(() => outbox.pending.get().every((one) => one.state === "refused"));
    outbox.retry(first);
    await until(() => accepted.length === 1);
    expect(outbox.pending.get()).toMatchObject([{ text: "Two", conversationId: "conv_1", state: "refused" }]);
  });

  test("sends also what the browser has no room to keep", async () => {
    const storage = new FakeStorage();
    storage.isFull = true;
    const { outbox, accepted } = made(new FakeService(), storage);
    outbox.send(PROMPT);
    outbox.refresh();
    expect(outbox.pending.get().map((one) => one.text)).toEqual(["Hello"]);
    await until(() => accepted.length === 1);
    expect(outbox.pending.get()).toEqual([]);
  });

  test("sends nothing once it is closed", async () => {
    const service = new FakeService();
    service.refusals.push(new TypeError("refused"));
    const { outbox } = made(service);
    outbox.send(PROMPT);
    await until(() => outbox.pending.get()[0]?.state === "waiting");
    outbox.close();
    outbox.flush();
    expect(service.asked.length).toBe(1);
  });
});
