import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { Splitter, type Block, type Split } from "../../src/markdown/blocks.ts";
import { Blocks } from "../../src/markdown/Markdown.tsx";
import { random, randomText } from "./random.ts";

const split = (text: string): Split => new Splitter().split(text);
const blocks = ({ pages, open }: Split): Block[] => [
  ...pages.flatMap((page) => page.blocks),
  ...(open ? [open] : []),
];
const texts = (text: string): string[] => blocks(split(text)).map((block) => block.text);
const LONG = "word ".repeat(100);
const ONE = `${LONG}\n\n`;
const TEXTS = Number(process.env["MARKDOWN_TEXTS"] ?? 500);

/** Line ends between elements do not count, nor does a blank line that ends the open fence of a list item. */
const html = (one: Split): string =>
  renderToStaticMarkup(<Blocks split={one} streaming={false} />)
    .replace(/>\s+</g, "><")
    .replace(/\n+(?=<\/code>)/g, "");
const whole = (text: string): string => html({ pages: [], open: { text, fence: null } });

describe("the splitter", () => {
  it("cuts after a blank line, before and after a fence", () => {
    expect(texts(ONE + "two\nmore\n```js\ncode\n\ncode\n```\nthree")).toEqual([
      ONE,
      "two\nmore\n",
      "```js\ncode\n\ncode\n```\n",
      "three",
    ]);
  });

  it.each([
    ["short paragraphs", "a\n\nb\n\nc\n"],
    ["a list of paragraphs", `- ${LONG}\n\n  b\n\n- c\n`],
    ["a fence in a list item", "1. " + LONG + "\n\n   ```js\n   x\n\n   y\n   ```\n\n2. b\n"],
    ["an open fence", "```\n\na\n\nb"],
    ["a shorter fence within", "````\n```\n\n```\n\n````\n"],
    ["a comment", "<!-- " + LONG + "\n\nb\n\n-->\n"],
    ["a script", "<script>" + LONG + "\n\n```\n\n</script>\n"],
    ["indented code", LONG + "\n\n    b\n\n    c\n"],
  ])("keeps %s in one block", (_, text) => {
    expect(texts(text)).toEqual([text]);
  });

  it("cuts a list with fences in its items off what follows, without asking the parser", () => {
    expect(texts(`1. ${LONG}\n   \`\`\`sh\n   b\n   \`\`\`\n2. c\n\nd`)).toEqual([
      `1. ${LONG}\n   \`\`\`sh\n   b\n   \`\`\`\n2. c\n\n`,
      "d",
    ]);
  });

  it("knows a fence in HTML from a fence of the document", () => {
    expect(texts("<div>\n```\n\nafter\n\nlast")).toEqual(["<div>\n```\n\nafter\n\nlast"]);
    expect(texts("text\n<custom>\n```\n\nafter\n")).toEqual(["text\n<custom>\n", "```\n\nafter\n"]);
  });

  it("reads the language and the code of a fence", () => {
    expect(blocks(split("~~~ c&#43;+ more\na\n~~\n~~~~\n\n"))[0]?.fence).toEqual({
      language: "c++",
      code: "a\n~~",
      closed: true,
    });
    expect(blocks(split("```\na\n"))[0]?.fence).toEqual({ language: "", code: "a", closed: false });
  });

  it("loses nothing and renders as the whole does", () => {
    for (let seed = 1; seed <= TEXTS; seed += 1) {
      const text = randomText(random(seed));
      const found = split(text);
      expect(
        blocks(found)
          .map((block) => block.text)
          .join(""),
        `seed ${seed}`,
      ).toBe(text);
      expect(html(found), `seed ${seed}: ${JSON.stringify(text)}`).toBe(whole(text));
    }
  });

  it("ends at the same blocks however the text arrives", () => {
    for (let seed = 1; seed <= TEXTS; seed += 1) {
      const next = random(seed);
      const text = randomText(next, 40);
      const splitter = new Splitter();
      for (let at = 0; at < text.length; at += 1 + Math.floor(next() * 12)) splitter.split(text.slice(0, at));
      expect(
        blocks(splitter.split(text)).map((block) => block.text),
        `seed ${seed}`,
      ).toEqual(texts(text));
      expect(splitter.split(text.slice(0, 7)), `seed ${seed}, back`).toEqual(split(text.slice(0, 7)));
    }
  });

  it("keeps the pages above while text is appended", () => {
    const splitter = new Splitter();
    const above = "A paragraph of some words.\n\n".repeat(3000);
    const before = splitter.split(above).pages;
    const after = splitter.split(`${above}more\n\nand more`).pages;
    expect(after.length).toBeGreaterThan(2);
    expect(after.slice(0, -1).every((page, index) => page === before[index])).toBe(true);
  });
});

describe("references across blocks", () => {
  it("finds a definition below, and the first of two", () => {
    const shown = html(
      split("[a] and [b][A]\n\ntext\n\n> [a]: http://one.example/?x=1&y=2 'T'\n\n[a]: http://two.example\n"),
    );
    expect(shown).toContain('<a href="http://one.example/?x=1&amp;y=2"');
    expect(shown).not.toContain("two.example");
  });

  it("keeps indented code below the definitions it is given", () => {
    expect(html(split("    code[^b]\n\nx[^b]\n\n[^b]: B\n"))).toContain("<code>code[^b]</code>");
  });

  it("numbers footnotes by their first reference", () => {
    const shown = html(split("x[^b] y[^a]\n\nz[^b]\n\n[^a]: A\n\n[^b]: B *em*\n"));
    expect(shown.match(/<sup class="md-note">\d/g)).toEqual([
      '<sup class="md-note">1',
      '<sup class="md-note">2',
      '<sup class="md-note">1',
    ]);
    expect(shown).toMatch(
      /<ol><li dir="auto"><p dir="auto">B <em>em<\/em><\/p><\/li><li dir="auto"><p dir="auto">A/,
    );
  });
});
