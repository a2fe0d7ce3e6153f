import { readFileSync } from "node:fs";
import type { ConversationEvent } from "../src/types";

/** Events of a run as the service has sent them. */
export function recorded(name: string): ConversationEvent[] {
  const text = readFileSync(new URL(`recorded/${name}.jsonl`, import.meta.url), "utf-8");
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as ConversationEvent);
}

/** Numbers from 0 to 1 that are the same in every run of the tests. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

export function shuffled<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((one) => ({ one, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
