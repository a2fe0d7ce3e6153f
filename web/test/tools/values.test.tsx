// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { marked, partsOf } from "../../src/tools/invisible.ts";
import { Values } from "../../src/tools/Values.tsx";
import { mount } from "../dom.ts";

const shown = async (value: unknown): Promise<string> =>
  (await mount(<Values value={value} />)).box.textContent;
const INVISIBLE = [
  "\u202e",
  "\u2066",
  "\u200b",
  "\u200d",
  "\u00ad",
  "\ufeff",
  "\u00a0",
  "\u2003",
  "\u3000",
  "\u3164",
  "\u115f",
  "\u2028",
  "\u0000",
  "\u001b",
  "\r",
  "\u0085",
  "\u2800",
  "\u{e0041}",
  "\ufe0f",
  "\ud800",
  "\u061c",
  "\u2062",
];

describe("what is invisible", () => {
  it.each(INVISIBLE)("is shown: %j", async (character) => {
    const point = `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
    expect(marked(`a${character}b`)).toBe(`a⟨${point}⟩b`);
    expect(partsOf(`a${character}b`)).toEqual([
      { text: "a", mark: false },
      { text: point, mark: true },
      { text: "b", mark: false },
    ]);
    const { box } = await mount(<Values value={{ [`k${character}`]: `v${character}w` }} />);
    expect([...box.querySelectorAll(".values-mark")].map((mark) => mark.textContent)).toEqual([point, point]);
  });

  it("is not what belongs to a letter or an emoji", () => {
    const text = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467} ❤\ufe0f 1\ufe0f\u20e3 é ü שלום 日本 \t x\n";
    expect(marked(text)).toBe(text);
  });

  it("is a blank at the end of a line", () => {
    expect(
      partsOf("a \nb\t \nc")
        .map((part) => part.text)
        .join(""),
    ).toBe("a·\nb→·\nc");
    expect(partsOf("rm x ").at(-1)).toEqual({ text: "·", mark: true });
  });
});

describe("Values", () => {
  it("shows everything, whole", async () => {
    const long = "x".repeat(300_000);
    const text = await shown({
      command: long,
      list: [1, true, null, "a"],
      nested: { deep: { er: "y" } },
      none: {},
      empty: "",
    });
    expect(text).toContain(long);
    expect(text).toContain("nesteddeepery");
    expect(text).toContain("list11" + "2true" + "3null" + "4a");
    expect(text).toContain('none{}empty""');
  });

  it("tells text from what it looks like", async () => {
    expect(await shown({ a: "true", b: true, c: "1", d: 1, e: '"q"' })).toBe('a"true"btruec"1"d1e"\\"q\\""');
  });

  it("interprets nothing", async () => {
    const { box } = await mount(<Values value={"**b** [x](https://e.example) <b>&amp;</b> $HOME"} />);
    expect(box.textContent).toBe("**b** [x](https://e.example) <b>&amp;</b> $HOME");
    expect(box.querySelector("a, strong")).toBeNull();
  });

  it("says so when something is not shown at once", async () => {
    const { box } = await mount(<Values value={"y".repeat(1_500_000)} />);
    expect(box.querySelector(".values-more")?.textContent).toContain("500 kB not shown");
  });

  it("does not take a cut between pieces for the end of a line", async () => {
    const text = "ab ".repeat(30_000);
    expect((await mount(<Values value={`${text}c`} />)).box.querySelectorAll(".values-mark").length).toBe(0);
  });

  it("survives any depth", async () => {
    let value: unknown = "bottom";
    for (let depth = 0; depth < 200; depth += 1) value = [value];
    expect(await shown(value)).toContain("bottom");
  });
});
