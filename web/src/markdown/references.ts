import type { Definition, FootnoteDefinition, Nodes } from "mdast";
import { BLOCK_LIMIT, type Block, type Page } from "./blocks.ts";
import { parse } from "./parse.ts";

/** What reaches across blocks: link reference definitions and footnotes. */
export interface References {
  /** By normalised label: the Markdown that defines it. The first definition counts. */
  readonly links: ReadonlyMap<string, string>;
  /** By normalised label, in the order of the first reference. */
  readonly notes: ReadonlyMap<string, Note>;
}

export interface Note {
  readonly number: number;
  readonly text: string;
}

export const NO_REFERENCES: References = { links: new Map(), notes: new Map() };

interface Labels {
  readonly links: readonly (readonly [string, string])[];
  readonly notes: readonly (readonly [string, string])[];
  readonly used: ReadonlySet<string>;
  readonly noteOrder: readonly string[];
}

const NO_LABELS: Labels = { links: [], notes: [], used: new Set(), noteOrder: [] };
const known = new WeakMap<Block, Labels>();

/** As micromark compares labels. */
function normalise(label: string): string {
  return label
    .replace(/[\t\n\r ]+/g, " ")
    .replace(/^ | $/g, "")
    .toLowerCase()
    .toUpperCase();
}

function labelsOf(block: Block): Labels {
  const before = known.get(block);
  if (before) return before;
  const labels =
    block.fence || block.text.length > BLOCK_LIMIT || !block.text.includes("[")
      ? NO_LABELS
      : read(block.text);
  known.set(block, labels);
  return labels;
}

function read(text: string): Labels {
  const used = new Set<string>();
  // A label may go on after a line end, there behind the marker of a quote.
  for (const found of text.matchAll(/\[((?:[^[\]\\]|\\[^])+)\]/g)) {
    if (found[1]!.length > 1000) continue;
    used.add(normalise(found[1]!.replace(/([\r\n])[ \t]*(?:>[ \t]?)+/g, "$1")));
  }
  const links: [string, string][] = [];
  const notes: [string, string][] = [];
  const noteOrder: string[] = [];
  if (text.includes("]:") || text.includes("[^")) {
    // Only what is defined is a reference: every label that may be one is, for this parse.
    const above = stubsOf([...used].filter((label) => label.startsWith("^")));
    each(parse(above + text), (node) => {
      if (node.type === "definition") links.push([labelOf(node), definitionOf(node)]);
      else if (node.type === "footnoteReference") noteOrder.push(labelOf(node));
      else if (node.type === "footnoteDefinition" && node.position!.start.offset! >= above.length)
        notes.push([labelOf(node), bodyOf(node, above + text)]);
    });
  }
  return { links, notes, used, noteOrder };
}

/** Defines footnotes. The link definition below ends the last one, which would take in indented code. */
function stubsOf(labels: readonly string[]): string {
  return labels.length === 0 ? "" : `${labels.map((label) => `[${label}]: .\n`).join("")}\n[\uE000]: <.>\n\n`;
}

function labelOf(node: { label?: string | null | undefined; identifier: string }): string {
  return normalise(node.label ?? node.identifier);
}

function each(node: Nodes, visit: (node: Nodes) => void): void {
  visit(node);
  if ("children" in node) for (const child of node.children) each(child, visit);
}

function definitionOf(node: Definition): string {
  const title = node.title ? ` "${escaped(node.title, /["\\]/g)}"` : "";
  return `[${node.label ?? node.identifier}]: <${escaped(node.url, /[<>\\]/g)}>${title}`;
}

/** A character reference is decoded again where the definition is parsed. */
function escaped(text: string, special: RegExp): string {
  return text
    .replaceAll("&", "&amp;")
    .replace(/[\r\n]/g, (end) => `&#${end.charCodeAt(0)};`)
    .replace(special, "\\$&");
}

function bodyOf(node: FootnoteDefinition, text: string): string {
  const [first, last] = [
    node.children[0]?.position?.start.offset,
    node.children.at(-1)?.position?.end.offset,
  ];
  return first === undefined || last === undefined
    ? ""
    : text.slice(first, last).replace(/(\r\n|\n|\r)(?: {1,4}|\t)/g, "$1");
}

/** Gathers over pages; what a page adds is kept, so that a delta costs nothing here. */
export function referencesOf(pages: readonly Page[], open: Block | null, before: References): References {
  const links = new Map<string, string>();
  const bodies = new Map<string, string>();
  const order: string[] = [];
  const add = (labels: Labels): void => {
    for (const [label, text] of labels.links) if (!links.has(label)) links.set(label, text);
    for (const [label, text] of labels.notes) if (!bodies.has(label)) bodies.set(label, text);
    order.push(...labels.noteOrder);
  };
  for (const page of pages) add(labelsOfPage(page));
  if (open) add(labelsOf(open));
  const notes = new Map<string, Note>();
  for (const label of order) {
    const text = bodies.get(label);
    if (text !== undefined && !notes.has(label)) notes.set(label, { number: notes.size + 1, text });
  }
  const same = sameLinks(links, before.links) && sameNotes(notes, before.notes);
  return same ? before : { links, notes };
}

const knownPages = new WeakMap<Page, Labels>();

function labelsOfPage(page: Page): Labels {
  const before = knownPages.get(page);
  if (before) return before;
  const all = page.blocks.map(labelsOf);
  const labels = {
    links: all.flatMap((one) => one.links),
    notes: all.flatMap((one) => one.notes),
    used: NO_LABELS.used,
    noteOrder: all.flatMap((one) => one.noteOrder),
  };
  knownPages.set(page, labels);
  return labels;
}

function sameLinks(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([label, text]) => other.get(label) === text);
}

function sameNotes(one: ReadonlyMap<string, Note>, other: ReadonlyMap<string, Note>): boolean {
  return (
    one.size === other.size &&
    [...one].every(
      ([label, note]) => other.get(label)?.text === note.text && other.get(label)?.number === note.number,
    )
  );
}

/** The definitions that a block needs above it, as Markdown; empty for nearly every block. */
export function definitionsFor(block: Block, references: References): string {
  if (references.links.size === 0 && references.notes.size === 0) return "";
  const { used } = labelsOf(block);
  let links = "";
  for (const label of used) {
    const link = references.links.get(label);
    if (link) links += `${link}\n`;
  }
  const notes = [...used].filter((label) => label.startsWith("^") && references.notes.has(label.slice(1)));
  return stubsOf(notes) + (links === "" ? "" : `${links}\n`);
}

/** `label=number` of the footnotes that a block refers to. */
export function numbersFor(block: Block, references: References): string {
  if (references.notes.size === 0) return "";
  return [...labelsOf(block).used]
    .flatMap((label) => {
      const note = label.startsWith("^") ? references.notes.get(label.slice(1)) : undefined;
      return note ? [`${label.slice(1)}=${note.number}`] : [];
    })
    .join("\n");
}

export { normalise };
