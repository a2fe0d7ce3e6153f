import { common, createLowlight } from "lowlight";
import type { Nodes } from "hast";
import { createElement, type ReactNode } from "react";

const lowlight = createLowlight(common);

/** Code as coloured spans, or null for a language that is not known. Elements, never HTML text. */
export function highlight(code: string, language: string): ReactNode | null {
  const name = language.toLowerCase();
  if (!lowlight.registered(name)) return null;
  return lowlight.highlight(name, code).children.map(nodeOf);
}

function nodeOf(node: Nodes, key: number): ReactNode {
  if (node.type === "text") return node.value;
  if (node.type !== "element") return null;
  const names = node.properties["className"];
  const className = Array.isArray(names) ? names.join(" ") : undefined;
  return createElement("span", { key, className }, ...node.children.map(nodeOf));
}
