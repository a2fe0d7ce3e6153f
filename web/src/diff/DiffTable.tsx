import { Diff, Hunk, type HunkData } from "react-diff-view";
import { marked } from "../tools/invisible.ts";
import type { DiffHunk } from "./lines.ts";

/** The lazy part: one file's hunks, as react-diff-view draws them. */
export default function DiffTable({
  hunks,
  split,
  numbered,
}: {
  hunks: readonly DiffHunk[];
  split: boolean;
  numbered: boolean;
}) {
  const shown = hunks.map(
    (hunk): HunkData => ({
      ...hunk,
      changes: hunk.changes.map((line) => ({ ...line, content: marked(line.content) })),
    }),
  );
  return (
    <Diff
      viewType={split ? "split" : "unified"}
      diffType="modify"
      hunks={shown}
      gutterType={numbered ? "default" : "none"}
    >
      {(all) => all.map((hunk, index) => <Hunk key={`${index}-${hunk.content}`} hunk={hunk} />)}
    </Diff>
  );
}
