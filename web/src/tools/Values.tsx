import { memo, useMemo, useState, type ReactNode } from "react";
import { sizeOf } from "../markdown/LongText.tsx";
import { partsOf } from "./invisible.ts";
import "./values.css";

const DEEPEST = 40;
const PIECE = 40_000;
/** A string up to here is shown whole at once, longer ones on demand, with a word on what is missing. */
const AT_ONCE = 1_000_000;

/**
 * Any JSON value, whole: long text scrolls within its box. Nothing is interpreted, and what
 * cannot be seen (bidi controls, zero-width characters, blanks at a line's end) is shown.
 */
export const Values = memo(function Values({ value, label }: { value: unknown; label?: string }) {
  return (
    <div className="values" role="group" aria-label={label ?? "Values"}>
      <Value value={value} depth={0} />
    </div>
  );
});

function Value({ value, depth }: { value: unknown; depth: number }): ReactNode {
  if (typeof value === "string") return <TextValue text={value} />;
  if (typeof value !== "object" || value === null)
    return (
      <code className="values-literal">
        {value === undefined ? "undefined" : (JSON.stringify(value) ?? String(value))}
      </code>
    );
  if (depth >= DEEPEST) return <TextValue text={safeJson(value)} />;
  const entries = Array.isArray(value)
    ? value.map((item, index): [string, unknown] => [String(index + 1), item])
    : Object.entries(value);
  if (entries.length === 0)
    return <code className="values-literal">{Array.isArray(value) ? "[]" : "{}"}</code>;
  return (
    <dl className={Array.isArray(value) ? "values-list" : "values-map"}>
      {entries.map(([key, item]) => (
        <div key={key} className={isLong(item) ? "values-entry values-entry-long" : "values-entry"}>
          <dt>
            <bdi>
              <Exact text={key === "" ? '""' : key} />
            </bdi>
          </dt>
          <dd>
            <Value value={item} depth={depth + 1} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function isLong(value: unknown): boolean {
  return typeof value === "string"
    ? value.length > 60 || value.includes("\n")
    : typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

/** Quotes tell text from the number or word of JSON that it looks like. */
function TextValue({ text }: { text: string }) {
  if (text === "" || /^(?:true|false|null|undefined|\{\}|\[\]|-?\d[\d.eE+-]*|".*")$/.test(text))
    return <code className="values-text">{JSON.stringify(text)}</code>;
  if (!isLong(text))
    return (
      <code className="values-text" dir="ltr">
        <Exact text={text} />
      </code>
    );
  return (
    <pre className="values-text" tabIndex={0} dir="ltr" role="group" aria-label="Text">
      <LongExact text={text} />
    </pre>
  );
}

function LongExact({ text }: { text: string }) {
  const [shown, setShown] = useState(AT_ONCE);
  const pieces = useMemo(() => piecesOf(text, shown), [text, shown]);
  return (
    <>
      {pieces.map((piece, index) => (
        <Exact key={index} text={piece} />
      ))}
      {text.length > shown && (
        <span className="values-more">
          <strong>{`${sizeOf(text.length - shown)} not shown`}</strong>
          <button type="button" onClick={() => setShown(shown + AT_ONCE)}>
            Show more
          </button>
        </span>
      )}
    </>
  );
}

/** Cut after line ends where there are some, so that a blank at a cut is not taken for a line's end. */
function piecesOf(text: string, shown: number): string[] {
  const pieces: string[] = [];
  const end = Math.min(text.length, shown);
  for (let at = 0; at < end; ) {
    let until = Math.min(end, at + PIECE);
    const line = text.lastIndexOf("\n", until - 1) + 1;
    if (until < text.length && line > at) until = line;
    else if (until < end && /[\ud800-\udbff]/.test(text.charAt(until - 1))) until += 1;
    pieces.push(text.slice(at, until));
    at = until;
  }
  return pieces;
}

/** A text with its invisible characters made visible. */
export const Exact = memo(function Exact({ text }: { text: string }) {
  return partsOf(text).map((part, index) =>
    part.mark ? (
      <span key={index} className="values-mark">
        {part.text}
      </span>
    ) : (
      part.text
    ),
  );
});

function safeJson(value: object): string {
  try {
    return JSON.stringify(value, null, 1);
  } catch {
    return "nested too deeply to be shown";
  }
}
