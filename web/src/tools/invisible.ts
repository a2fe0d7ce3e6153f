/**
 * Characters that hide, reorder or imitate: an approval shows them by their code point. Line
 * feeds and tabs are not among them; a variation selector or joiner within an emoji is not.
 */
const HIDDEN =
  /(?<=\p{Extended_Pictographic}\p{Emoji_Modifier}?\ufe0f?)\u200d(?=\p{Extended_Pictographic})|(?<=[\p{Extended_Pictographic}\d#*])\ufe0f|([\u0000-\u0008\u000b-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\p{Noncharacter_Code_Point}\p{Surrogate}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}])/gu;

export interface Part {
  readonly text: string;
  /** Text that stands for what cannot be seen. */
  readonly mark: boolean;
}

/** The parts of a text, what is invisible as `U+202E`, blanks at a line's end as `·` and `→`. */
export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  const add = (until: number): void => {
    if (until > at) parts.push(...trailing(text.slice(at, until), text.charAt(until)));
  };
  for (const found of text.matchAll(HIDDEN)) {
    if (found[1] === undefined) continue;
    add(found.index);
    parts.push({ text: codePoint(found[1]), mark: true });
    at = found.index + found[1].length;
  }
  add(text.length);
  return parts;
}

function trailing(text: string, next: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const found of text.matchAll(/[ \t]+(?=\n|$)/g)) {
    const end = found.index + found[0].length;
    if (end === text.length && next !== "" && next !== "\r") continue;
    if (found.index > at) parts.push({ text: text.slice(at, found.index), mark: false });
    parts.push({ text: found[0].replaceAll(" ", "·").replaceAll("\t", "→"), mark: true });
    at = end;
  }
  if (at < text.length) parts.push({ text: text.slice(at), mark: false });
  return parts;
}

/** As plain text, in one line or many; blanks at the end stay. */
export function marked(text: string): string {
  return text.replace(HIDDEN, (all, hidden: string | undefined) =>
    hidden === undefined ? all : `⟨${codePoint(hidden)}⟩`,
  );
}

function codePoint(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}
