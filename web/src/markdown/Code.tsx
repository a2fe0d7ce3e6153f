import { memo, useEffect, useState, type ReactNode } from "react";
import { LongText } from "./LongText.tsx";

/** Colouring takes about 1 ms for 2 kB: longer code stays plain. */
const HIGHLIGHT_LIMIT = 40_000;

/** A code block: its language, a button that copies it, coloured once it is closed. */
export const Code = memo(function Code({
  code,
  language = "",
  closed = true,
}: {
  code: string;
  language?: string;
  closed?: boolean;
}) {
  const coloured = useHighlight(code, language, closed);
  return (
    <figure className="md-code">
      <figcaption className="md-code-head">
        <span>{language.slice(0, 40) || "text"}</span>
        <CopyButton text={code} />
      </figcaption>
      <pre tabIndex={0} dir="ltr" aria-label={language ? `Code, ${language.slice(0, 40)}` : "Code"}>
        <code>{coloured ?? <LongText text={code} />}</code>
      </pre>
    </figure>
  );
});

function useHighlight(code: string, language: string, closed: boolean): ReactNode | null {
  const [done, setDone] = useState<{ code: string; language: string; nodes: ReactNode } | null>(null);
  useEffect(() => {
    if (!closed || !language || code.length > HIGHLIGHT_LIMIT) return;
    let gone = false;
    import("./highlight.ts").then(
      ({ highlight }) => {
        if (!gone) setDone({ code, language, nodes: highlight(code, language) });
      },
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, [code, language, closed]);
  return done?.code === code && done.language === language ? done.nodes : null;
}

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [state, setState] = useState<"" | "Copied" | "Not copied">("");
  useEffect(() => {
    if (!state) return;
    const timer = setTimeout(() => setState(""), 2000);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = (): void => {
    const done = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
    done.then(
      () => setState("Copied"),
      () => setState("Not copied"),
    );
  };
  return (
    <button type="button" className="md-copy" onClick={copy}>
      <span aria-live="polite">{state || label}</span>
    </button>
  );
}
