import type { Paragraph, PhrasingContent, Root, RootContent } from "mdast";
import type { Extension as FromMarkdownExtension } from "mdast-util-from-markdown";
import type { Extension } from "micromark-util-types";
import type { Processor } from "unified";
import { mathFromMarkdown, mathSyntax } from "./math.ts";
import { normalise } from "./references.ts";

declare module "unified" {
  interface Data {
    micromarkExtensions?: Extension[];
    fromMarkdownExtensions?: (FromMarkdownExtension[] | FromMarkdownExtension)[];
  }
}

interface Parent {
  children: RootContent[];
}

/**
 * Maths and HTML become text; a footnote's reference becomes its number, its definition goes
 * (Markdown.tsx shows the notes below). `numbers` is of `numbersFor`.
 */
export function remarkPlain(this: Processor, { numbers }: { numbers: string }) {
  const data = this.data();
  (data.micromarkExtensions ??= []).push(mathSyntax);
  (data.fromMarkdownExtensions ??= []).push(mathFromMarkdown);
  const byLabel = new Map(
    numbers
      .split("\n")
      .map((line) => [line.slice(0, line.lastIndexOf("=")), line.slice(line.lastIndexOf("=") + 1)]),
  );
  return (tree: Root): void => walk(tree, byLabel, true, 0);
}

const DEEPEST = 100;

function walk(parent: Parent, numbers: Map<string, string>, isFlow: boolean, depth: number): void {
  if (depth > DEEPEST) throw new RangeError("nested too deeply");
  const children: RootContent[] = [];
  for (const node of parent.children) {
    if (node.type === "footnoteDefinition") continue;
    if (node.type === "html")
      children.push(isFlow ? htmlBlock(node.value) : { type: "text", value: node.value });
    else if (node.type === "footnoteReference")
      children.push(noteMark(numbers.get(normalise(node.label ?? node.identifier)) ?? "?"));
    else {
      if ("children" in node) walk(node as Parent, numbers, FLOW.has(node.type), depth + 1);
      children.push(node);
    }
  }
  parent.children = children;
}

const FLOW = new Set(["root", "blockquote", "list", "listItem"]);

function htmlBlock(value: string): Paragraph {
  return {
    type: "paragraph",
    children: [{ type: "text", value }],
    data: { hProperties: { className: ["md-html"] } },
  };
}

function noteMark(number: string): PhrasingContent {
  return {
    type: "emphasis",
    children: [{ type: "text", value: number }],
    data: { hName: "sup", hProperties: { className: ["md-note"] } },
  };
}
