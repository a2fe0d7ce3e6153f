import { decodeString } from "micromark-util-decode-string";
import { parse } from "./parse.ts";

/**
 * Text into blocks, line by line and only ever forward: a new line costs its own length.
 *
 * A cut is made only where CommonMark has closed everything above, so that each block alone
 * renders as it does within the whole: before a line that starts at column 0 after a blank line
 * (not a list marker below a list), before a fence, and after a fence. Link reference
 * definitions and footnotes reach across blocks: see references.ts. Where a line does not tell
 * whether it opens a fence of the document (in a list, in HTML), the parser is asked.
 */

export interface Block {
  readonly text: string;
  /** Set when the block is one fenced code block. */
  readonly fence: Fence | null;
}

export interface Fence {
  readonly language: string;
  readonly code: string;
  readonly closed: boolean;
}

/** Blocks that stay as they are; `Page` objects keep their identity while text is appended. */
export interface Page {
  readonly blocks: readonly Block[];
  readonly size: number;
}

export interface Split {
  readonly pages: readonly Page[];
  /** The last block: what is appended goes here. */
  readonly open: Block | null;
}

export const PAGE_SIZE = 24_000;

/** Short paragraphs share a block: each costs about 0.2 ms beside its own parse. */
const SHORT = 400;

/** A block over this is not parsed: it would take more than 50 ms. */
export const BLOCK_LIMIT = 40_000;

interface Context {
  fence: { marker: string; length: number } | null;
  htmlEnd: RegExp | null;
  /** A line that may begin an HTML block which lasts until a blank line. */
  tag: boolean;
  list: { width: number; sure: boolean } | null;
  /** Indented code: after it micromark reads `2.` as text, so no marker is cut off it either. */
  indented: boolean;
  blank: boolean;
  afterFence: boolean;
}

const fresh = (): Context => ({
  fence: null,
  htmlEnd: null,
  tag: false,
  list: null,
  indented: false,
  blank: false,
  afterFence: false,
});

const LINE_END = /\r\n|\n|\r/g;
const FENCE = /^(?:(`{3,})[^`]*|(~{3,}).*)$/s;
const MARKER = /^([-+*]|\d{1,9}[.)])([ \t]+|$)/;
const RULE = /^(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,})$/;
const HTML: readonly (readonly [RegExp, RegExp])[] = [
  [/^<(?:script|pre|style|textarea)(?=[\s>]|$)/i, /<\/(?:script|pre|style|textarea)>/i],
  [/^<!--/, /-->/],
  [/^<\?/, /\?>/],
  [/^<![a-z]/i, />/],
  [/^<!\[CDATA\[/, /\]\]>/],
];

export class Splitter {
  private text = "";
  private at = 0;
  private start = 0;
  private context = fresh();
  private pages: Page[] = [];
  private page: Block[] = [];
  private pageSize = 0;
  private last: { text: string; split: Split } | null = null;

  /** The blocks of `text`. A pure function of it; fast when `text` begins with the one before. */
  split(text: string): Split {
    if (this.last?.text === text) return this.last.split;
    if (!text.startsWith(this.text)) this.reset();
    this.text = text;
    this.scan();
    let pages = this.pages;
    let open = this.start;
    let tail: readonly Block[] = this.page;
    if (this.cutsBefore(this.at, text.slice(this.at))) {
      tail = [...tail, blockOf(text.slice(this.start, this.at))];
      open = this.at;
    }
    if (tail.length > 0) pages = [...pages, this.sameOr(tail)];
    const rest = text.slice(open);
    const split = { pages, open: rest === "" ? null : blockOf(rest) };
    this.last = { text, split };
    return split;
  }

  private reset(): void {
    this.at = this.start = this.pageSize = 0;
    this.context = fresh();
    this.pages = [];
    this.page = [];
    this.last = null;
  }

  private sameOr(blocks: readonly Block[]): Page {
    const before = this.last?.split.pages[this.pages.length];
    if (
      before?.blocks.length === blocks.length &&
      blocks.every((block, index) => block.text === before.blocks[index]?.text)
    )
      return before;
    return { blocks: [...blocks], size: blocks.reduce((sum, block) => sum + block.text.length, 0) };
  }

  private scan(): void {
    const { text } = this;
    LINE_END.lastIndex = this.at;
    for (let found = LINE_END.exec(text); found; found = LINE_END.exec(text)) {
      const next = LINE_END.lastIndex;
      if (found[0] === "\r" && next === text.length) return;
      const line = text.slice(this.at, found.index);
      this.line(this.at, this.at === 0 ? line.replace(/^\uFEFF/, "") : line);
      this.at = next;
      LINE_END.lastIndex = next;
    }
  }

  /** Whether a block certainly begins at the line at `at`, of which perhaps only a character is known. */
  private cutsBefore(at: number, line: string): boolean {
    const { fence, htmlEnd, list, indented, blank, afterFence } = this.context;
    if (at <= this.start || fence || htmlEnd) return false;
    const first = this.text.charAt(at);
    if (first === "\uFEFF" || first === "" || first === "\n" || first === "\r") return false;
    if (afterFence) return !/^[ \t]*$/.test(line);
    return (
      blank &&
      at - this.start >= SHORT &&
      first !== " " &&
      first !== "\t" &&
      !((list || indented) && /[-+*\d]/.test(first))
    );
  }

  private line(at: number, line: string): void {
    const { context } = this;
    if (context.fence) {
      if (closes(line, context.fence)) {
        context.fence = null;
        context.afterFence = true;
      }
      return;
    }
    if (context.htmlEnd) {
      if (context.htmlEnd.test(line)) context.htmlEnd = null;
      return;
    }
    if (/^[ \t]*$/.test(line)) {
      context.blank = true;
      context.tag = false;
      return;
    }
    if (this.cutsBefore(at, line)) this.cut(at);
    this.context.blank = this.context.afterFence = false;
    const indent = /^ */.exec(line)![0].length;
    if (indent < 4 && line.charAt(indent) !== "\t") this.content(at, line, indent);
    else {
      this.context.indented = true;
      if (this.context.list && indent < this.context.list.width) this.context.list.sure = false;
    }
  }

  private content(at: number, line: string, indent: number): void {
    const body = line.slice(indent);
    const fence = FENCE.exec(body);
    const html = fence ? undefined : HTML.find(([start]) => start.test(body));
    if (fence || html) {
      if (!this.opens(at, line, indent, fence ? "code" : "html")) return;
      if (fence) {
        if (at > this.start) this.cut(at);
        const marks = (fence[1] ?? fence[2])!;
        this.context.fence = { marker: marks.charAt(0), length: marks.length };
      } else if (html && !html[1].test(body.slice(1))) this.context.htmlEnd = html[1];
      if (this.context.list) this.context.list.sure = false;
      return;
    }
    if (/^<\/?[a-z]/i.test(body)) this.context.tag = true;
    this.marker(at, body, indent);
  }

  /** Keeps how far the content of a list's items is indented, as long as the lines say so beyond doubt. */
  private marker(at: number, body: string, indent: number): void {
    const { context } = this;
    const marker = MARKER.exec(body);
    if (context.list && indent >= context.list.width) return;
    if (!marker) {
      if (context.list) context.list.sure = false;
      return;
    }
    const [all, mark, gap] = [marker[0], marker[1]!, marker[2]!];
    const odd = all.length === body.length || gap.includes("\t") || RULE.test(body);
    const width = indent + mark.length + (gap.length > 4 ? 1 : gap.length);
    if (!context.list) context.list = { width, sure: !odd && at === this.start };
    else {
      context.list.width = Math.max(context.list.width, width);
      if (odd) context.list.sure = false;
    }
  }

  /** Whether this line opens a block of the document, not one within a list item or HTML. */
  private opens(at: number, line: string, indent: number, type: "code" | "html"): boolean {
    const { tag, list } = this.context;
    if (!tag) {
      if (indent === 0 || !list) return true;
      if (list.sure && indent >= list.width) return false;
    }
    const above = this.text.slice(this.start, at);
    const node = parse(above + line).children.at(-1);
    return node?.type === type && node.position?.start.line === above.split(LINE_END).length;
  }

  private cut(at: number): void {
    const block = blockOf(this.text.slice(this.start, at));
    this.page.push(block);
    this.pageSize += block.text.length;
    if (this.pageSize >= PAGE_SIZE) {
      this.pages = [...this.pages, this.sameOr(this.page)];
      this.page = [];
      this.pageSize = 0;
    }
    this.start = at;
    this.context = fresh();
  }
}

function closes(line: string, fence: { marker: string; length: number }): boolean {
  const found = /^ {0,3}(`{3,}|~{3,})[ \t]*$/.exec(line);
  return found !== null && found[1]!.startsWith(fence.marker) && found[1]!.length >= fence.length;
}

function blockOf(text: string): Block {
  return { text, fence: fenceOf(text) };
}

function fenceOf(text: string): Fence | null {
  const opener = /^(?:(`{3,})([^`\r\n]*)|(~{3,})([^\r\n]*))(?:\r\n|\n|\r)/.exec(text);
  if (!opener) return null;
  const marks = (opener[1] ?? opener[3])!;
  const info = (opener[2] ?? opener[4] ?? "").trim().replaceAll("\0", "\uFFFD");
  const body = text.slice(opener[0].length);
  const end = closerOf(body, marks);
  if (end && /\S/.test(body.slice(end.after))) return null;
  const code = end ? body.slice(0, end.before) : body.replace(/(?:\r\n|\n|\r)$/, "");
  return {
    language: decodeString(info.split(/[ \t]/, 1)[0]!),
    code: code.replaceAll("\0", "\uFFFD"),
    closed: end !== null,
  };
}

function closerOf(body: string, marks: string): { before: number; after: number } | null {
  const closer = /(^|\r\n|\n|\r)( {0,3}(?:`{3,}|~{3,})[ \t]*)(?=$|\r|\n)/g;
  for (let found = closer.exec(body); found; found = closer.exec(body)) {
    if (closes(found[2]!, { marker: marks.charAt(0), length: marks.length }))
      return { before: found.index, after: closer.lastIndex };
  }
  return null;
}
