import { memo, useMemo, useState } from "react";
import "./long-text.css";

const HEAD_LINES = 300;
const TAIL_LINES = 100;
const PIECE = 40_000;

interface Cut {
  head: string;
  middle: string;
  tail: string;
  lines: number;
}

/**
 * Text of any size: the beginning and the end, and what lies between in capped pieces on demand.
 * The two ends keep their place while text is appended.
 */
export const LongText = memo(function LongText({
  text,
  headLines = HEAD_LINES,
  tailLines = TAIL_LINES,
}: {
  text: string;
  headLines?: number;
  tailLines?: number;
}) {
  const cut = useMemo(() => cutOf(text, headLines, tailLines), [text, headLines, tailLines]);
  const [shown, setShown] = useState(0);
  const from = Math.min(shown, cut.middle.length);
  const rest = cut.middle.length - from;
  const pieces = useMemo(() => piecesOf(cut.middle.slice(0, from)), [cut.middle, from]);
  return (
    <>
      {cut.head}
      {pieces.map((piece, index) => (
        <span key={index}>{piece}</span>
      ))}
      {rest > 0 && (
        <span className="long-more">
          <button type="button" onClick={() => setShown(from + 10 * PIECE)}>
            Show more
          </button>
          <span>{`${from === 0 && cut.lines > 1 ? `${cut.lines.toLocaleString("en")} lines, ` : ""}${sizeOf(rest)} not shown`}</span>
        </span>
      )}
      {cut.tail}
    </>
  );
});

export function sizeOf(length: number): string {
  if (length < 1000) return `${length} characters`;
  return length < 1_000_000
    ? `${(length / 1000).toFixed(length < 10_000 ? 1 : 0)} kB`
    : `${(length / 1_000_000).toFixed(1)} MB`;
}

function cutOf(text: string, headLines: number, tailLines: number): Cut {
  const head = lineOffset(text, headLines);
  const tail = lineOffsetFromEnd(text, tailLines);
  if (head >= tail) return { head: text, middle: "", tail: "", lines: 0 };
  const middle = text.slice(head, tail);
  return { head: text.slice(0, head), middle, tail: text.slice(tail), lines: lineCount(middle) };
}

/** The offset after `lines` lines, or after the characters that so many lines may have at most. */
function lineOffset(text: string, lines: number): number {
  const most = Math.min(text.length, PIECE);
  let at = 0;
  for (let line = 0; line < lines; line += 1) {
    const next = text.indexOf("\n", at);
    if (next === -1 || next >= most) return whole(text, most);
    at = next + 1;
  }
  return at;
}

function lineOffsetFromEnd(text: string, lines: number): number {
  const least = Math.max(0, text.length - PIECE);
  let at = text.length;
  for (let line = 0; line < lines; line += 1) {
    const next = text.lastIndexOf("\n", at - 2);
    if (next === -1 || next < least || at < 2) return whole(text, least);
    at = next + 1;
  }
  return at;
}

/** Not within a surrogate pair. */
function whole(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff ? at + 1 : at;
}

function lineCount(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines += 1;
  return lines;
}

function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = whole(text, Math.min(text.length, at + PIECE));
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}
