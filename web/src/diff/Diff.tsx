import { lazy, memo, Suspense, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { LongText } from "../markdown/LongText.tsx";
import { marked } from "../tools/invisible.ts";
import type { Piece } from "./change.ts";
import { hunksOf, type Counts, type DiffHunk } from "./lines.ts";
import { filesOf, type FileDiff } from "./unified.ts";
import "./diff.css";

const DiffTable = lazy(() => import("./DiffTable.tsx"));

/** Lines of one file that are shown at once. */
const LINE_LIMIT = 400;
/** So many files are open from the beginning; more are a list of closed ones. */
const OPEN_FILES = 3;
const SPLIT_WIDTH = 960;

type Props =
  | { before: string; after: string; path: string; kind?: Piece["kind"]; numbered?: boolean; unified?: never }
  | { unified: string; before?: never; after?: never; path?: never; kind?: never; numbered?: never };

/** A change: of one text, or a diff as git writes it, of any number of files. */
export const Diff = memo(function Diff(props: Props) {
  const files = useMemo(
    () =>
      props.unified === undefined
        ? [fileOf(props.before, props.after, props.path, props.kind)]
        : filesOf(props.unified),
    [props.unified, props.before, props.after, props.path, props.kind],
  );
  if (files.length === 0) {
    return (
      <pre className="diff-raw" tabIndex={0} dir="ltr" aria-label="Diff">
        <LongText text={marked(props.unified ?? "")} />
      </pre>
    );
  }
  if (files.length === 1) return <FileView file={files[0]!} numbered={props.numbered ?? true} />;
  const total = files.reduce(
    (sum, file) => ({ added: sum.added + file.added, removed: sum.removed + file.removed }),
    { added: 0, removed: 0 },
  );
  return (
    <section className="diff-files" aria-label={`Changes of ${files.length} files`}>
      <p className="diff-total">
        {`${files.length} files`} <DiffCounts {...total} />
      </p>
      {files.map((file, index) => (
        <Folded
          key={`${index}-${file.path}`}
          open={files.length <= OPEN_FILES}
          summary={<FileHead file={file} />}
        >
          <FileBody file={file} numbered />
        </Folded>
      ))}
    </section>
  );
});

type Shown = Omit<FileDiff, "kind"> & { kind: FileDiff["kind"] | Piece["kind"] };

function fileOf(before: string, after: string, path: string, kind: Piece["kind"] = "modified"): Shown {
  const hunks = hunksOf(before, after);
  const count = (type: string): number =>
    hunks.reduce((sum, hunk) => sum + hunk.changes.filter((line) => line.type === type).length, 0);
  return { path, from: null, kind, binary: false, hunks, added: count("insert"), removed: count("delete") };
}

/** `+6 −2`, in words for a screen reader. Null is unknown. */
export function DiffCounts({ added, removed }: { [Key in keyof Counts]: number | null }) {
  return (
    <span className="diff-counts">
      {added !== null && <Count className="diff-plus" sign="+" number={added} word="added" />}
      {removed !== null && <Count className="diff-minus" sign="−" number={removed} word="removed" />}
    </span>
  );
}

function Count({
  className,
  sign,
  number,
  word,
}: {
  className: string;
  sign: string;
  number: number;
  word: string;
}) {
  return (
    <span className={className}>
      <span aria-hidden="true">{`${sign}${number.toLocaleString("en")}`}</span>
      <span className="diff-words">{` ${number} ${number === 1 ? "line" : "lines"} ${word} `}</span>
    </span>
  );
}

function Folded({ open, summary, children }: { open: boolean; summary: ReactNode; children: ReactNode }) {
  const [isOpen, setOpen] = useState(open);
  return (
    <details className="diff-file" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="diff-head">{summary}</summary>
      {isOpen && children}
    </details>
  );
}

const KINDS = { created: "new", deleted: "deleted", renamed: "renamed", written: "written", modified: "" };

function FileHead({ file }: { file: Shown }) {
  const kind = KINDS[file.kind];
  return (
    <>
      <bdi className="diff-path">
        {file.from !== null && file.from !== file.path
          ? `${marked(file.from)} → ${marked(file.path)}`
          : marked(file.path)}
      </bdi>
      {kind !== "" && <span className="diff-kind">{kind}</span>}
      <DiffCounts added={file.added} removed={file.removed} />
    </>
  );
}

function FileView({ file, numbered }: { file: Shown; numbered: boolean }) {
  return (
    <section className="diff-file" aria-label={`Change to ${marked(file.path)}`}>
      <div className="diff-head">
        <FileHead file={file} />
      </div>
      <FileBody file={file} numbered={numbered} />
    </section>
  );
}

function FileBody({ file, numbered }: { file: Shown; numbered: boolean }) {
  const [all, setAll] = useState(false);
  const [box, wide] = useWide();
  const lines = file.hunks.reduce((sum, hunk) => sum + hunk.changes.length, 0);
  const hunks = useMemo(() => (all ? file.hunks : capped(file.hunks, LINE_LIMIT)), [file, all]);
  if (lines === 0) return <p className="diff-none">{emptyWord(file)}</p>;
  return (
    <>
      <div
        className="diff-box"
        ref={box}
        dir="ltr"
        tabIndex={0}
        role="group"
        aria-label={`Lines of ${marked(file.path)}`}
      >
        <Suspense fallback={<Skeleton lines={Math.min(lines, 12)} />}>
          <DiffTable hunks={hunks} split={wide && file.added > 0 && file.removed > 0} numbered={numbered} />
        </Suspense>
      </div>
      {!all && lines > LINE_LIMIT && (
        <button
          type="button"
          className="diff-all"
          onClick={() => setAll(true)}
        >{`Show all ${lines.toLocaleString("en")} lines`}</button>
      )}
    </>
  );
}

function emptyWord(file: Shown): string {
  if (file.binary) return "A binary file: its content is not shown.";
  return {
    created: "An empty file.",
    deleted: "The file is deleted.",
    renamed: "The file is renamed.",
    written: "An empty file.",
    modified: "No line is changed.",
  }[file.kind];
}

function Skeleton({ lines }: { lines: number }) {
  return (
    <div className="diff-skeleton" role="status" aria-label="Loading the diff">
      {Array.from({ length: lines }, (_, index) => (
        <i key={index} />
      ))}
    </div>
  );
}

export function capped(hunks: readonly DiffHunk[], limit: number): DiffHunk[] {
  const shown: DiffHunk[] = [];
  let left = limit;
  for (const hunk of hunks) {
    if (left <= 0) break;
    shown.push(hunk.changes.length <= left ? hunk : { ...hunk, changes: hunk.changes.slice(0, left) });
    left -= hunk.changes.length;
  }
  return shown;
}

function useWide(): [React.RefObject<HTMLDivElement | null>, boolean] {
  const box = useRef<HTMLDivElement>(null);
  const [wide, setWide] = useState(false);
  useEffect(() => {
    if (!box.current || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(([entry]) => setWide((entry?.contentRect.width ?? 0) >= SPLIT_WIDTH));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return [box, wide];
}
