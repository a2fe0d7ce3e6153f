export type Tone = "idle" | "run" | "wait" | "bad" | "good";

/** A state as a colour, and as a word for those who do not see it. */
export function Dot({ tone, label }: { tone: Tone; label?: string }) {
  return <i className={`dot ${tone}`}>{label !== undefined && <span className="unseen">{label}</span>}</i>;
}
