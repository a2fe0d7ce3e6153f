/** Mulberry32: the same seed, the same text. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick<T>(next: () => number, from: readonly T[]): T {
  return from[Math.floor(next() * from.length)]!;
}

const LINES = [
  "Some *text* with `code`",
  "plain",
  "# Heading",
  "## Two ##",
  "===",
  "---",
  "***",
  "- item",
  "- [ ] task",
  "* star",
  "+ plus",
  "1. one",
  "2) two",
  "10. ten",
  "-",
  "1.",
  "-     deep",
  "-\ttab",
  "  continued",
  "   three",
  "    four",
  "\ttabbed",
  "      six",
  "```",
  "```js",
  "````",
  "~~~",
  "~~~ py `x`",
  "  ```",
  "   ```sh",
  "    ```",
  "- ```js",
  "> quote",
  "> - in quote",
  "> ```",
  ">",
  "| a | b |",
  "|---|--:|",
  "| 1 | 2 |",
  "<div>",
  "</div>",
  "<b>bold</b>",
  "<custom-tag a=b>",
  "<!-- open",
  "-->",
  "<!-- x -->",
  "<script>",
  "</script>",
  "<pre>",
  "</pre>",
  "<?php",
  "?>",
  "<!DOCTYPE html>",
  "<![CDATA[",
  "]]>",
  " <div",
  "[ref]",
  "[text][ref]",
  "[ref]: http://e.example/x 'title",
  "[Ref]: <http://f.example>",
  "  [other]: /x",
  "[other] and ![i][ref]",
  "[^1]: note *one*",
  "text[^1] and[^b]",
  "[^b]: other",
  "    more note",
  "$a_1 *b* c_2$",
  "\\[ x_1 * y * z \\]",
  "\\[",
  "+ b",
  "\\]",
  "$$",
  "a \\( b",
  "b \\)",
  "costs $5 and *$10*",
  "hard break  ",
  "back\\",
  "**open",
  "close**",
  "www.example.com",
  "https://e.example/a_b_c",
  "&amp; &#35;",
  "\uFEFFbom",
  "שלום עולם",
  "\u2028",
  "* * *",
  "_ _ _",
  "- - -",
  "'end'",
  "\\",
  "a|b",
];

export function randomText(next: () => number, most = 24): string {
  const count = 1 + Math.floor(next() * most);
  let text = "";
  for (let index = 0; index < count; index += 1) {
    text += next() < 0.3 ? "" : pick(next, LINES);
    text += next() < 0.94 ? "\n" : pick(next, ["\r\n", "\r", "\n\n", " \n", "\n \n"]);
  }
  // A block is not cut below a certain length: make it long without changing what it is.
  text = text.replace(/(?<=[a-z])(?=\n)/g, () => (next() < 0.25 ? ` ${"word ".repeat(90)}end` : ""));
  return next() < 0.5 ? text : text.replace(/\s+$/, "");
}
