// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { misleads, targetOf } from "../../src/markdown/links.ts";
import { LongText } from "../../src/markdown/LongText.tsx";
import { heal, Markdown } from "../../src/markdown/Markdown.tsx";
import { click, faults, mount, until } from "../dom.ts";
import { random, randomText } from "./random.ts";

const parsed: string[] = [];
vi.mock("react-markdown", async (load) => {
  const real = await load<typeof import("react-markdown")>();
  return {
    ...real,
    default: (options: { children: string }) => {
      parsed.push(options.children);
      return real.default(options);
    },
  };
});

beforeEach(() => {
  parsed.length = 0;
});
afterEach(() => {
  vi.restoreAllMocks();
});

const html = async (text: string): Promise<string> => (await mount(<Markdown text={text} />)).box.innerHTML;
const PARAGRAPH = `${"Some words of a paragraph that stays. ".repeat(12)}\n\n`;

describe("Markdown while it streams", () => {
  it("parses the block of a delta, and nothing above it", async () => {
    vi.spyOn(performance, "now").mockReturnValue(0);
    const above = PARAGRAPH.repeat(40);
    const { render } = await mount(<Markdown text={above} streaming />);
    parsed.length = 0;
    for (const word of ["one ", "two ", "three "])
      await render(<Markdown text={`${above}${word}`} streaming />);
    expect(parsed).toEqual(["one", "two", "three"]);
  });

  it("draws less often what takes long, and the end of it at last", async () => {
    let now = 1000;
    vi.spyOn(performance, "now").mockImplementation(() => (now += 20));
    const { box, render } = await mount(<Markdown text="" streaming />);
    for (const text of ["a", "a b", "a b c"]) await render(<Markdown text={text} streaming />);
    expect(box.textContent).not.toBe("a b c");
    await vi.waitFor(() => expect(box.textContent).toBe("a b c"), 20_000);
  });

  it("keeps the elements above", async () => {
    vi.spyOn(performance, "now").mockReturnValue(0);
    const { box, render } = await mount(<Markdown text={PARAGRAPH + PARAGRAPH} streaming />);
    const before = [...box.querySelectorAll("p")];
    await render(<Markdown text={`${PARAGRAPH + PARAGRAPH}more *and\n\n\`\`\`js\nx`} streaming />);
    expect([...box.querySelectorAll("p")].slice(0, 2)).toEqual(before);
    expect(before.every((one) => one.isConnected)).toBe(true);
    expect(box.querySelector("pre")?.textContent).toBe("x");
  });

  it("ends as the whole", async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const next = random(seed);
      const text = randomText(next, 30);
      const { box, render } = await mount(<Markdown text="" streaming />);
      for (let at = 1; at < text.length; at += 1 + Math.floor(next() * 30)) {
        await render(<Markdown text={text.slice(0, at)} streaming />);
      }
      await render(<Markdown text={text} />);
      expect(box.textContent, `seed ${seed}`).toBe((await mount(<Markdown text={text} />)).box.textContent);
      expect(box.querySelectorAll("*").length, `seed ${seed}`).toBe(
        (await mount(<Markdown text={text} />)).box.querySelectorAll("*").length,
      );
    }
  });

  it("heals what is open", async () => {
    expect(heal("a **b")).toBe("a **b**");
    expect(heal("a [b](http://c")).toBe("a b");
    expect(heal("x ~5 and <b")).toBe("x ~5 and <b");
    expect(heal("\\[ x_1 *")).toBe("\\[ x_1 *\\]");
  });
});

describe("Markdown", () => {
  it("links by an allow-list, shows every other target", async () => {
    const shown = await html(
      "[a](https://e.example/x) [b](javascript:x) [c](src/a.ts) [https://good.example](https://evil.example/)",
    );
    expect(shown).toContain(
      '<a href="https://e.example/x" title="e.example" target="_blank" rel="noopener noreferrer nofollow">a</a>',
    );
    expect(shown).toContain('b<bdi class="md-url"> (javascript:x)</bdi>');
    expect(shown).toContain('c<bdi class="md-url"> (src/a.ts)</bdi>');
    expect(shown).toContain('https://good.example</a><bdi class="md-url"> (evil.example)</bdi>');
  });

  it.each([
    "java\nscript:x",
    "https://e.example\u202e",
    "https://a b",
    "HTTP:x",
    "https:\\\\e.example",
    "mailto:a\n@b",
    "https://",
  ])("refuses %j", (url) => {
    expect(targetOf(url)).toBeNull();
  });

  it("tells where a homograph leads", () => {
    expect(targetOf("https://\u0430pple.com/")?.host).toBe("xn--pple-43d.com");
    expect(misleads("\u0430pple.com", targetOf("https://\u0430pple.com/")!)).toBe(true);
    expect(misleads("good.example", targetOf("https://good.example:8080/x")!)).toBe(false);
    expect(misleads("a@b.example", targetOf("mailto:a@b.example")!)).toBe(false);
  });

  it("fetches no image", async () => {
    const shown = await html("![a cat](https://e.example/c.png) ![](data:image/png;base64,AAAA)");
    expect(shown).not.toContain("<img");
    expect(shown).toContain("image: a cat");
    expect(shown).toContain('<a href="https://e.example/c.png"');
    expect(shown).toContain("image: no description");
  });

  it("shows HTML as text", async () => {
    const { box } = await mount(<Markdown text={"a <b>x</b>\n\n<div>\ny\n</div>"} />);
    expect(box.textContent).toBe("a <b>x</b>\n<div>\ny\n</div>");
    expect(box.querySelector("p.md-html")?.textContent).toBe("<div>\ny\n</div>");
  });

  it.each([
    "$a_1 *b* c_2$",
    "$$x_{i} *y* z_{j}$$",
    "\\( a_1 * b_2 * c \\)",
    "\\[ x_1 * y * z_2 \\]",
    "\\[\na_1\n+ b_2\n- c\n\\]",
    "$$\n\\begin{a}\n+ x_1 \\\\\n= y_2\n\\end{a}\n$$",
  ])("keeps maths as written: %j", async (text) => {
    const { box } = await mount(<Markdown text={`Before.\n\n${text}\n\nAfter *x*.`} />);
    expect(box.querySelectorAll("em, ul").length).toBe(1);
    expect(box.textContent).toContain(text);
  });

  it("does not take prices for maths", async () => {
    expect(await html("It costs $5 and *up to* $10.")).toContain("<em>up to</em>");
  });

  it("aligns by classes, marks tasks in words, says the direction", async () => {
    const shown = await html("| a | b |\n|--:|:-:|\n| 1 | 2 |\n\n- [x] done\n\nשלום");
    expect(shown).not.toContain("style=");
    expect(shown).toContain('<td dir="auto" class="md-right">1</td><td dir="auto" class="md-center">');
    expect(shown).toContain('role="img" aria-label="done"');
    expect(shown).toContain('<p dir="auto">שלום</p>');
    expect(shown).toContain('role="group" aria-label="Table" tabindex="0"');
  });

  it("colours code once it is closed, in elements", async () => {
    const { box, render } = await mount(<Markdown text={"```js\nlet a = '<b>';"} streaming />);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(box.querySelector(".hljs-keyword")).toBeNull();
    await render(<Markdown text={"```js\nlet a = '<b>';\n```"} />);
    await until(() => box.querySelector(".hljs-keyword") !== null);
    expect(box.querySelector("pre")?.textContent).toBe("let a = '<b>';");
    expect(faults(box)).toEqual([]);
  });

  it("copies a block's code", async () => {
    const written: string[] = [];
    vi.stubGlobal("navigator", { clipboard: { writeText: async (text: string) => void written.push(text) } });
    const { box } = await mount(<Markdown text={"```js\nlet a;\n```"} />);
    await click(box.querySelector(".md-copy"));
    vi.unstubAllGlobals();
    expect(written).toEqual(["let a;"]);
    await until(() => box.querySelector(".md-copy")?.textContent === "Copied");
  });
});

describe("a long text", () => {
  it("is shown whole up to about 190 kB", async () => {
    const text = PARAGRAPH.repeat(Math.floor(180_000 / PARAGRAPH.length));
    const { box } = await mount(<Markdown text={text} />);
    expect(box.querySelector(".md-more")).toBeNull();
    expect(box.querySelectorAll("p").length).toBe(Math.floor(180_000 / PARAGRAPH.length));
  });
});

describe("a text of 10 MB", () => {
  it("is shown by its beginning and end, and more on demand", async () => {
    const text = PARAGRAPH.repeat(Math.ceil(10_000_000 / PARAGRAPH.length)).replace(
      / stays\. \n\n$/,
      " last words\n",
    );
    const { box } = await mount(<Markdown text={text} />);
    expect(box.textContent.length).toBeLessThan(200_000);
    expect(box.textContent).toContain("last words");
    expect(box.querySelector(".md-more")?.textContent).toMatch(/9\.\d MB of this text not shown/);
    const before = box.textContent.length;
    await click(box.querySelector(".md-more button"));
    expect(box.textContent.length).toBeGreaterThan(before + 100_000);
  });

  it.each([
    ["one paragraph", "word *em* ".repeat(1_000_000)],
    ["an open fence", `\`\`\`js\n${"let a = 1;\n".repeat(900_000)}`],
    ["quotes within quotes", `${">".repeat(10_000_000)} x`],
    ["one list", "- item\n".repeat(1_400_000)],
    ["one line of brackets", "[".repeat(10_000_000)],
  ])("does not freeze as %s", async (_, text) => {
    const { box } = await mount(<Markdown text={text} streaming />);
    expect(parsed.join("").length).toBeLessThan(200_000);
    expect(box.textContent.length).toBeLessThan(200_000);
  });

  it("is plain text when it is nested too deeply", async () => {
    const text = `${"> ".repeat(3000)}x`;
    expect((await mount(<Markdown text={text} />)).box.textContent).toBe(text);
    expect(parsed).toEqual([]);
    const deep = `${"*a **b ".repeat(900)}c${"** *".repeat(900)}`;
    expect((await mount(<Markdown text={deep} />)).box.textContent).toContain("c");
  });
});

describe("LongText", () => {
  it("keeps both ends, and shows all of the middle in the end", async () => {
    const text = Array.from({ length: 90_000 }, (_, index) => `line ${index} \u{1f600}`).join("\n");
    const { box } = await mount(<LongText text={text} />);
    expect(box.textContent.startsWith("line 0 ")).toBe(true);
    expect(box.textContent.endsWith("line 89999 \u{1f600}")).toBe(true);
    expect(box.querySelector(".long-more")?.textContent).toContain("89,600 lines");
    for (let tries = 0; tries < 20 && box.querySelector("button"); tries += 1)
      await click(box.querySelector("button"));
    expect(box.textContent).toBe(text);
  });
});
