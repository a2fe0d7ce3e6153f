import { memo, type ComponentProps, type ReactNode } from "react";
import ReactMarkdown, { type Components, type Options } from "react-markdown";
import remarkGfm from "remark-gfm";
import { BLOCK_LIMIT } from "./blocks.ts";
import { Code } from "./Code.tsx";
import { misleads, shortTarget, targetOf } from "./links.ts";
import { LongText } from "./LongText.tsx";
import { isTooDeep } from "./parse.ts";
import { remarkPlain } from "./plugin.ts";

/** One block of Markdown, parsed only when one of these strings is another; over the limit it is plain text. */
export const MarkdownBlock = memo(function MarkdownBlock({
  text,
  definitions = "",
  numbers = "",
}: {
  text: string;
  definitions?: string;
  numbers?: string;
}) {
  return (
    parsed(text, definitions, numbers) ?? (
      <div className="md-plain" dir="auto">
        <LongText text={text} />
      </div>
    )
  );
});

/** Null for a text that is too long, or nested too deeply. */
function parsed(text: string, definitions: string, numbers: string): ReactNode | null {
  if (text.length > BLOCK_LIMIT || isTooDeep(text)) return null;
  const remarkPlugins: NonNullable<Options["remarkPlugins"]> = [
    [remarkGfm, { singleTilde: false }],
    [remarkPlain, { numbers }],
  ];
  const children = definitions + text.replace(/^\uFEFF/, "");
  try {
    // Called, not rendered: it has no hooks, and what it throws is caught here.
    return ReactMarkdown({
      children,
      remarkPlugins,
      components,
      allowedElements: ELEMENTS,
      unwrapDisallowed: true,
      urlTransform: (url) => url,
    });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

export const ELEMENTS = [
  ...[
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "blockquote",
    "pre",
    "code",
    "em",
    "strong",
    "del",
    "br",
    "hr",
  ],
  ...["table", "thead", "tbody", "tr", "th", "td", "a", "img", "input", "sup"],
];

type Props<Tag extends keyof React.JSX.IntrinsicElements> = ComponentProps<Tag> & { node?: unknown };

const components: Components = {
  a: ({ href, children }: Props<"a">) => <Link url={href ?? ""}>{children}</Link>,
  img: ({ src, alt }: Props<"img">) => <Image url={typeof src === "string" ? src : ""} alt={alt ?? ""} />,
  input: ({ checked }: Props<"input">) => (
    <span className="md-task" role="img" aria-label={checked ? "done" : "to do"}>
      {checked ? "☑" : "☐"}
    </span>
  ),
  p: ({ children, className }: Props<"p">) => (
    <p dir="auto" className={className}>
      {children}
    </p>
  ),
  h1: ({ children }: Props<"h1">) => (
    <h3 dir="auto" className="md-h1">
      {children}
    </h3>
  ),
  h2: ({ children }: Props<"h2">) => (
    <h4 dir="auto" className="md-h2">
      {children}
    </h4>
  ),
  h3: ({ children }: Props<"h3">) => (
    <h5 dir="auto" className="md-h3">
      {children}
    </h5>
  ),
  h4: ({ children }: Props<"h4">) => (
    <h6 dir="auto" className="md-h4">
      {children}
    </h6>
  ),
  h5: ({ children }: Props<"h5">) => (
    <h6 dir="auto" className="md-h4">
      {children}
    </h6>
  ),
  h6: ({ children }: Props<"h6">) => (
    <h6 dir="auto" className="md-h4">
      {children}
    </h6>
  ),
  ul: ({ children, className }: Props<"ul">) => (
    <ul dir="auto" className={className}>
      {children}
    </ul>
  ),
  ol: ({ children, className, start }: Props<"ol">) => (
    <ol dir="auto" className={className} start={start}>
      {children}
    </ol>
  ),
  li: ({ children, className }: Props<"li">) => (
    <li dir="auto" className={className}>
      {children}
    </li>
  ),
  blockquote: ({ children }: Props<"blockquote">) => <blockquote dir="auto">{children}</blockquote>,
  code: ({ children }: Props<"code">) => <code dir="ltr">{children}</code>,
  pre: ({ node, children }: Props<"pre">) => fenced(node) ?? <pre>{children}</pre>,
  table: ({ children }: Props<"table">) => (
    <div className="md-table" role="group" aria-label="Table" tabIndex={0}>
      <table dir="auto">{children}</table>
    </div>
  ),
  th: ({ children, style }: Props<"th">) => (
    <th dir="auto" className={alignOf(style)}>
      {children}
    </th>
  ),
  td: ({ children, style }: Props<"td">) => (
    <td dir="auto" className={alignOf(style)}>
      {children}
    </td>
  ),
};

function alignOf(style: React.CSSProperties | undefined): string | undefined {
  return style?.textAlign === "center" || style?.textAlign === "right" ? `md-${style.textAlign}` : undefined;
}

interface HastLike {
  tagName?: string;
  value?: string;
  properties?: { className?: unknown };
  children?: HastLike[];
}

function fenced(node: unknown): ReactNode | null {
  const code = (node as HastLike | undefined)?.children?.[0];
  if (code?.tagName !== "code") return null;
  const names = code.properties?.className;
  const language = Array.isArray(names) ? String(names[0] ?? "").replace(/^language-/, "") : "";
  const text = code.children?.map((child) => child.value ?? "").join("") ?? "";
  return <Code code={text.replace(/\n$/, "")} language={language} />;
}

function Link({ url, children }: { url: string; children: ReactNode }) {
  if (url === "") return <>{children}</>;
  const target = targetOf(url);
  const label = textOf(children);
  if (!target)
    return (
      <span className="md-target">
        {children}
        {label === url ? null : <bdi className="md-url">{` (${shortTarget(url)})`}</bdi>}
      </span>
    );
  return (
    <>
      <a href={target.href} title={target.host} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
      {misleads(label, target) && <bdi className="md-url">{` (${target.host})`}</bdi>}
    </>
  );
}

/** The placeholder of remend for a link or image whose URL is not complete. */
const INCOMPLETE = "streamdown:";

function Image({ url, alt }: { url: string; alt: string }) {
  const target = targetOf(url);
  const shown = url.startsWith(INCOMPLETE) ? "" : shortTarget(url);
  return (
    <span className="md-image">
      {`image: ${alt || "no description"}`}
      {shown !== "" && (
        <bdi className="md-url">
          {" ("}
          {target ? (
            <a href={target.href} title={target.host} target="_blank" rel="noopener noreferrer nofollow">
              {shown}
            </a>
          ) : (
            shown
          )}
          {")"}
        </bdi>
      )}
    </span>
  );
}

function textOf(node: ReactNode): string {
  if (typeof node === "string" || typeof node === "number") return String(node);
  if (Array.isArray(node)) return node.map(textOf).join("");
  if (typeof node === "object" && node !== null && "props" in node)
    return textOf((node.props as { children?: ReactNode }).children);
  return "";
}
