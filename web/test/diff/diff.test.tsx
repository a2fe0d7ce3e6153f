// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { Diff } from "../../src/diff/Diff.tsx";
import { click, mount, until } from "../dom.ts";

const file = (name: string, lines: number): string =>
  `diff --git a/${name} b/${name}\n--- a/${name}\n+++ b/${name}\n@@ -1,${lines} +1,${lines} @@\n${"-old\n".repeat(lines)}${"+new\n".repeat(lines)}`;

describe("Diff", () => {
  it("shows a skeleton, then the lines, and says the counts in words", async () => {
    const { box } = await mount(<Diff before={"a\nb\n"} after={"a\nc\nd\n"} path="x.ts" />);
    await until(() => box.querySelector(".diff-code") !== null);
    expect(box.querySelector("section")?.getAttribute("aria-label")).toBe("Change to x.ts");
    expect([...box.querySelectorAll(".diff-code-insert")].map((cell) => cell.textContent)).toEqual([
      "c",
      "d",
    ]);
    expect([...box.querySelectorAll(".diff-code-delete")].map((cell) => cell.textContent)).toEqual(["b"]);
    expect([...box.querySelectorAll(".diff-words")].map((words) => words.textContent?.trim())).toEqual([
      "2 lines added",
      "1 line removed",
    ]);
    expect(box.innerHTML).not.toContain("style=");
  });

  it("shows 400 lines, and all of them on demand", async () => {
    const { box } = await mount(<Diff unified={file("x", 500)} />);
    await until(() => box.querySelector(".diff-code") !== null);
    expect(box.querySelectorAll(".diff-line").length).toBe(400);
    expect(box.querySelector(".diff-all")?.textContent).toBe("Show all 1,000 lines");
    await click(box.querySelector(".diff-all"));
    expect(box.querySelectorAll(".diff-line").length).toBe(1000);
    expect(box.querySelector(".diff-all")).toBeNull();
  });

  it("lists many files closed, a few open", async () => {
    const { box, render } = await mount(
      <Diff unified={["a", "b", "c", "d"].map((name) => file(name, 1)).join("")} />,
    );
    expect([...box.querySelectorAll("details")].map((one) => one.open)).toEqual([false, false, false, false]);
    expect(box.querySelector(".diff-total")?.textContent).toContain("4 files");
    expect(box.querySelector(".diff-box")).toBeNull();
    await render(<Diff key="two" unified={["a", "b"].map((name) => file(name, 1)).join("")} />);
    expect([...box.querySelectorAll("details")].map((one) => one.open)).toEqual([true, true]);
  });

  it("has no line numbers of a part of a file", async () => {
    const { box } = await mount(<Diff before="a" after="b" path="x" numbered={false} />);
    await until(() => box.querySelector(".diff-code") !== null);
    expect(box.querySelector(".diff-gutter")).toBeNull();
  });

  it("makes invisible characters of lines and paths visible", async () => {
    const { box } = await mount(<Diff before="" after={"x\u202ey"} path={"a\u200bb"} />);
    await until(() => box.querySelector(".diff-code") !== null);
    expect(box.querySelector(".diff-code-insert")?.textContent).toBe("x⟨U+202E⟩y");
    expect(box.querySelector(".diff-path")?.textContent).toBe("a⟨U+200B⟩b");
  });

  it("shows as text what is no diff", async () => {
    expect((await mount(<Diff unified={"hello\n+x"} />)).box.querySelector(".diff-raw")?.textContent).toBe(
      "hello\n+x",
    );
  });
});
