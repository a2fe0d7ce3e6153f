import type { Root } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";
import { mathFromMarkdown, mathSyntax } from "./math.ts";

/**
 * The dialect of `Block`, as a tree: what the splitter and the references ask when a line alone
 * does not tell. Empty for a text that is nested too deeply to be parsed.
 */
export function parse(text: string): Root {
  if (isTooDeep(text)) return { type: "root", children: [] };
  try {
    return fromMarkdown(text, {
      extensions: [gfm({ singleTilde: false }), mathSyntax],
      mdastExtensions: [gfmFromMarkdown(), mathFromMarkdown],
    });
  } catch (error) {
    if (error instanceof RangeError) return { type: "root", children: [] };
    throw error;
  }
}

/** Quotes and lists within each other that would overflow the stack. */
export function isTooDeep(text: string): boolean {
  return /^(?:[ \t]*(?:[>*+-]|\d{1,9}[.)])){60}/m.test(text);
}
