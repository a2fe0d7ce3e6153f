import { afterEach, describe, expect, test } from "vitest";
import type { Frame } from "../src/frames";
import { type Channel, type Locks, Tabs } from "../src/tabs";
import type { ConversationEvent } from "../src/types";
import { FakeService, until } from "./fakeService";

/** Web Locks of one name, with stealing. */
class FakeLocks implements Locks {
  #holder: { steal: (error: Error) => void } | null = null;
  #waiting: (() => void)[] = [];

  async request(
    _: string,
    options: { steal?: boolean; signal?: AbortSignal },
    held: () => Promise<void>,
  ): Promise<void> {
    if (options.steal === true) this.#holder?.steal(new DOMException("stolen", "AbortError"));
    else if (this.#holder !== null) {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push(resolve);
        options.signal?.addEventListener("abort", () => reject(new DOMException("left", "AbortError")));
      });
    }
    let holder: { steal: (error: Error) => void } | null = null;
    const stolen = new Promise<never>((_resolve, reject) => {
      holder = { steal: reject };
    });
    this.#holder = holder;
    try {
      await Promise.race([held(), stolen]);
    } finally {
      if (this.#holder === holder) {
        this.#holder = null;
        this.#waiting.shift()?.();
      }
    }
  }
}

class FakeChannels {
  readonly #open = new Set<Channel>();

  open(): Channel & { isFrozen: boolean } {
    const open = this.#open;
    const channel = {
      isFrozen: false,
      onmessage: null as ((event: { data: unknown }) => void) | null,
      postMessage(word: unknown) {
        if (channel.isFrozen) return;
        for (const other of open) {
          if (other !== channel) queueMicrotask(() => other.onmessage?.({ data: structuredClone(word) }));
        }
      },
      close: () => open.delete(channel),
    };
    open.add(channel);
    return channel;
  }
}

describe("tabs", () => {
  const opened: Tabs[] = [];
  afterEach(() => {
    for (const tab of opened.splice(0)) tab.close();
  });

  function browser(service: FakeService, beatMs = 1000) {
    const locks = new FakeLocks();
    const channels = new FakeChannels();
    let number = 0;
    return () => {
      const frames: Frame[] = [];
      const channel = channels.open();
      number += 1;
      const tabs = new Tabs({
        base: "http://service",
        fetch: service.fetch,
        tab: `tab${number}`,
        locks,
        channel,
        beatMs,
        onFrame: (frame) => frames.push(frame),
        onReset: () => undefined,
        onGone: () => undefined,
      });
      opened.push(tabs);
      return { tabs, frames, channel };
    };
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

  test("ten of them have one stream, and all hear of everything", async () => {
    const service = new FakeService();
    const open = browser(service);
    const ten = Array.from({ length: 10 }, open);
    for (const { tabs } of ten) tabs.want(["conv_1"]);
    await until(() => ten.every(({ tabs }) => tabs.link.get().state === "live"));
    await until(() => service.streams.length === 1);
    service.tell(message(1));
    await until(() => ten.every(({ frames }) => seqs(frames).length === 1));
    expect(ten.filter(({ tabs }) => tabs.leads.get()).length).toBe(1);
    expect(service.streams.length).toBe(1);
  });

  test("another takes the lead when the first closes, where that one was", async () => {
    const service = new FakeService();
    const open = browser(service);
    const [first, second] = [open(), open()];
    first.tabs.want(["conv_1"]);
    second.tabs.want(["conv_1"]);
    await until(() => second.tabs.link.get().state === "live");
    service.tell(message(1));
    await until(() => seqs(second.frames).length === 1);
    first.tabs.close();
    service.tell(message(2));
    await until(() => second.tabs.leads.get() && service.streams.length === 1);
    service.tell(message(3));
    await until(() => seqs(second.frames).includes(3));
    expect(seqs(second.frames)).toEqual([1, 2, 3]);
  });

  test("what any of them shows is carried", async () => {
    const service = new FakeService();
    const open = browser(service);
    const [first, second] = [open(), open()];
    first.tabs.want(["conv_2"]);
    second.tabs.want(["conv_1"]);
    await until(() => service.asked.at(-1)?.url.searchParams.get("conversations") === "conv_1,conv_2");
    second.tabs.leave();
    await until(() => service.asked.at(-1)?.url.searchParams.get("conversations") === "conv_2");
  });

  test("a tab that is looked at takes the lead from one that is frozen", async () => {
    const service = new FakeService();
    const open = browser(service, 20);
    const [first, second] = [open(), open()];
    second.tabs.want(["conv_1"]);
    await until(() => second.tabs.link.get().state === "live");
    first.channel.isFrozen = true;
    service.tell(message(1));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(seqs(second.frames)).toEqual([]);
    second.tabs.wake();
    await until(() => second.tabs.leads.get());
    await until(() => seqs(second.frames).length === 1);
    expect(first.tabs.leads.get()).toBe(false);
  });

  test("one that is opened later is told how the stream begins, whatever it shows", async () => {
    const service = new FakeService();
    const open = browser(service);
    const first = open();
    await until(() => first.frames.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = open();
    await until(() => second.frames.some((frame) => frame.type === "stream.opened"));
  });

  test("one that has lost the lead asks how the stream begins: what came meanwhile it took for its own", async () => {
    const said: unknown[] = [];
    let lose: (error: Error) => void = () => undefined;
    const tabs = new Tabs({
      base: "http://service",
      fetch: new FakeService().fetch,
      tab: "tab1",
      channel: { postMessage: (word) => void said.push(word), close: () => undefined, onmessage: null },
      locks: {
        request: (_, __, held) => {
          void held();
          return new Promise((_resolve, reject) => (lose = reject));
        },
      },
      onFrame: () => undefined,
      onReset: () => undefined,
      onGone: () => undefined,
    });
    opened.push(tabs);
    tabs.want(["conv_1"]);
    said.length = 0;
    lose(new DOMException("stolen", "AbortError"));
    await until(() => said.length > 0);
    expect(said).toContainEqual({ kind: "want", tab: "tab1", conversations: ["conv_1"], anew: true });
  });
});
