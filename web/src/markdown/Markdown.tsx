import {
  memo,
  startTransition,
  useEffect,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
  type ReactNode,
} from "react";
import remend from "remend";
import { MarkdownBlock } from "./Block.tsx";
import { PAGE_SIZE, Splitter, type Block, type Page, type Split } from "./blocks.ts";
import { Code } from "./Code.tsx";
import { sizeOf } from "./LongText.tsx";
import { definitionsFor, NO_REFERENCES, numbersFor, referencesOf, type References } from "./references.ts";
import "./markdown.css";

/** A text of so many pages (of about 24 kB each) is shown whole: about 200 kB. */
const WHOLE_PAGES = 8;
/** Of a longer one: so many pages of its beginning and of its end, and more on demand. */
const END_PAGES = 2;
const MORE_PAGES = 6;

/** An agent's text. While `streaming`, the last block is healed and parsed anew; what is above stays. */
export function Markdown({ text, streaming = false }: { text: string; streaming?: boolean }) {
  return <MarkdownFrame text={usePace(text, streaming)} streaming={streaming} />;
}

const MarkdownFrame = memo(function MarkdownFrame({ text, streaming }: { text: string; streaming: boolean }) {
  const [splitter] = useState(() => new Splitter());
  const split = useMemo(() => splitter.split(text), [splitter, text]);
  return <Blocks split={split} streaming={streaming} />;
});

/** Of blocks, however they were made. */
export function Blocks({ split, streaming }: { split: Split; streaming: boolean }) {
  const { pages, open } = split;
  const before = useRef<References>(NO_REFERENCES);
  const references = useMemo(
    () => referencesOf(pages, streaming ? null : open, before.current),
    [pages, open, streaming],
  );
  useEffect(() => {
    before.current = references;
  }, [references]);
  const [revealed, setRevealed] = useState(0);
  const shown = pages.at(-1) && pages.at(-1)!.size < PAGE_SIZE ? pages : [...pages, NO_PAGE];
  const [isReady, setReady] = useState(false);
  // The ends come first; the rest is rendered in between what else the browser has to do.
  useEffect(() => startTransition(() => setReady(true)), []);
  const ends = isReady ? END_PAGES : 1;
  const isWhole = isReady && shown.length <= WHOLE_PAGES;
  const first = isWhole ? shown.length : Math.min(shown.length, ends + revealed);
  const last = Math.max(first, shown.length - ends);
  // The open block stands in its page, so that it stays the same element when it closes.
  const view = (page: Page, index: number): ReactNode => (
    <PageView
      key={index}
      page={page}
      open={index === shown.length - 1 ? open : null}
      references={references}
      healed={streaming && index === shown.length - 1}
    />
  );
  const hidden = shown.slice(first, last).reduce((sum, page) => sum + page.size, 0);
  return (
    <div className="md-text">
      {shown.slice(0, first).map(view)}
      {hidden > 0 && (
        <div className="md-more">
          <button type="button" onClick={() => setRevealed(revealed + MORE_PAGES)}>
            Show more
          </button>
          <span>{`${sizeOf(hidden)} of this text not shown`}</span>
        </div>
      )}
      {shown.slice(last).map((page, index) => view(page, last + index))}
      {!streaming && references.notes.size > 0 && <Notes references={references} />}
    </div>
  );
}

const NO_PAGE: Page = { blocks: [], size: 0 };

const PageView = memo(function PageView({
  page,
  open,
  references,
  healed,
}: {
  page: Page;
  open: Block | null;
  references: References;
  healed: boolean;
}) {
  const blocks = open ? [...page.blocks, open] : page.blocks;
  return (
    <>
      {blocks.map((block, index) => (
        <BlockView key={index} block={block} references={references} healed={healed && block === open} />
      ))}
    </>
  );
});

const BlockView = memo(function BlockView({
  block,
  references,
  healed,
}: {
  block: Block;
  references: References;
  healed: boolean;
}) {
  if (block.fence)
    return (
      <Code code={block.fence.code} language={block.fence.language} closed={block.fence.closed || !healed} />
    );
  return (
    <MarkdownBlock
      text={healed ? heal(block.text) : block.text}
      definitions={definitionsFor(block, references)}
      numbers={numbersFor(block, references)}
    />
  );
});

function Notes({ references }: { references: References }) {
  return (
    <section className="md-notes" aria-label="Footnotes">
      <ol>
        {[...references.notes.values()].map((note) => (
          <li key={note.number} dir="auto">
            <MarkdownBlock text={note.text} />
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Closes what the model has not closed yet. Nothing that the finished text would show in another way. */
export function heal(text: string): string {
  const healed = remend(text, {
    linkMode: "text-only",
    images: false,
    htmlTags: false,
    singleTilde: false,
    comparisonOperators: false,
    katex: false,
  });
  for (const [opener, closer] of [
    ["\\[", "\\]"],
    ["\\(", "\\)"],
  ] as const) {
    if (text.lastIndexOf(opener) > text.lastIndexOf(closer)) return text + closer;
  }
  return text.split("$$").length % 2 === 0 ? `${text}$$` : healed;
}

/** Longer than this, in ms, and a text's next picture waits: what else the page has to do comes first. */
const QUICK_MS = 12;

/**
 * The text as it is drawn. Whoever streams sends it once a frame at the most; one that takes long
 * to draw is drawn again only after twice that time.
 */
function usePace(text: string, streaming: boolean): string {
  const [pace] = useState(() => ({ began: 0, resumeAt: 0 }));
  const [shown, setShown] = useState(text);
  const [, wake] = useReducer((count: number) => count + 1, 0);
  const isDue = !streaming || performance.now() >= pace.resumeAt;
  if (isDue && shown !== text) {
    pace.began = performance.now();
    setShown(text);
  }
  useLayoutEffect(() => {
    const cost = performance.now() - pace.began;
    pace.resumeAt = cost > QUICK_MS ? performance.now() + 2 * cost : 0;
  }, [pace, shown]);
  useEffect(() => {
    if (isDue) return;
    const timer = setTimeout(wake, pace.resumeAt - performance.now());
    return () => clearTimeout(timer);
  });
  return isDue ? text : shown;
}
