import { act, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach } from "vitest";

declare global {
  var IS_REACT_ACT_ENVIRONMENT: boolean | undefined;
}
globalThis.IS_REACT_ACT_ENVIRONMENT = true;

const mounted: { root: Root; box: HTMLElement }[] = [];

afterEach(async () => {
  for (const { root, box } of mounted.splice(0)) {
    await act(async () => root.unmount());
    box.remove();
  }
});

/** What is rendered, and how to render something else in its place. */
export async function mount(
  node: ReactNode,
): Promise<{ box: HTMLElement; render: (next: ReactNode) => Promise<void> }> {
  const box = document.createElement("div");
  document.body.append(box);
  const root = createRoot(box);
  mounted.push({ root, box });
  const render = async (next: ReactNode): Promise<void> => act(async () => root.render(next));
  await render(node);
  return { box, render };
}

/** Waits for what is loaded lazily, and for a frame. */
export async function until(met: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !met(); tries += 1)
    await act(async () => new Promise((resolve) => setTimeout(resolve, 10)));
  if (!met()) throw new Error("it did not happen");
}

export async function click(element: Element | null | undefined): Promise<void> {
  if (!element) throw new Error("no such element");
  await act(async () => element.dispatchEvent(new MouseEvent("click", { bubbles: true })));
}

const TAGS = new Set(
  (
    "div span p h3 h4 h5 h6 ul ol li blockquote pre code em strong del br hr table thead tbody tr th td a sup bdi figure figcaption button " +
    "section details summary i b dl dt dd time colgroup col"
  ).split(" "),
);
const ATTRIBUTES = new Set(
  "class dir role tabindex title href rel target start type open data-change-key colspan".split(" "),
);

/** Each element and attribute that text of an agent must not become. */
export function faults(box: HTMLElement): string[] {
  const found: string[] = [];
  for (const element of box.querySelectorAll("*")) {
    const tag = element.tagName.toLowerCase();
    if (!TAGS.has(tag)) found.push(`<${tag}>`);
    for (const { name, value } of element.attributes) {
      if (!ATTRIBUTES.has(name) && !name.startsWith("aria-")) found.push(`${name}="${value}"`);
      if (name === "href" && (tag !== "a" || !/^(?:https?:\/\/[^\s"<>]+|mailto:[^\s"<>]+)$/.test(value)))
        found.push(`href="${value}"`);
    }
    if (tag === "a" && element.getAttribute("rel") !== "noopener noreferrer nofollow")
      found.push("a link without rel");
    if (tag === "a" && (element.getAttribute("target") !== "_blank" || !element.getAttribute("title")))
      found.push("a link without its host");
  }
  return found;
}
