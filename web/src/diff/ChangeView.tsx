import type { Change } from "./change.ts";
import { Diff } from "./Diff.tsx";

/** What a call would change or has changed, a diff for each of its edits; nothing without any. */
export function ChangeView({ change }: { change: Change | null }) {
  return change?.pieces.map((piece, at) => (
    <Diff
      key={at}
      path={piece.path}
      before={piece.before}
      after={piece.after}
      kind={piece.kind}
      numbered={piece.whole}
    />
  ));
}
