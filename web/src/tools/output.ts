/** A tool's output as the page shows it: text, pictures by size, values. */
export type OutputPart =
  | { type: "text"; text: string }
  | { type: "media"; label: string }
  | { type: "value"; value: unknown };

export function outputParts(output: unknown): OutputPart[] {
  if (output === null || output === undefined || output === "") return [];
  if (typeof output === "string") return [{ type: "text", text: prettyText(output) }];
  if (Array.isArray(output))
    return output.length > 0 && output.every(isBlock)
      ? output.flatMap(blockParts)
      : [{ type: "value", value: withoutBytes(output) }];
  if (!isRecord(output)) return [{ type: "value", value: output }];
  return isBlock(output) ? blockParts(output) : recordParts(output);
}

/** The result of an MCP tool: content blocks and what stands beside them. */
function recordParts(output: Record<string, unknown>): OutputPart[] {
  const { content, ...rest } = output;
  if (!Array.isArray(content) || !content.every(isBlock))
    return [{ type: "value", value: withoutBytes(output) }];
  const more = Object.entries(rest).filter(([, value]) => value !== null);
  return [
    ...content.flatMap(blockParts),
    ...(more.length > 0 ? [{ type: "value" as const, value: withoutBytes(Object.fromEntries(more)) }] : []),
  ];
}

/** Content blocks of MCP, Claude and ACP. */
function isBlock(value: unknown): value is Record<string, unknown> {
  return (
    isRecord(value) &&
    ["text", "image", "audio", "document", "resource", "resource_link", "content"].includes(
      String(value["type"]),
    )
  );
}

function blockParts(block: Record<string, unknown>): OutputPart[] {
  if (block["type"] === "text" && typeof block["text"] === "string")
    return [{ type: "text", text: prettyText(block["text"]) }];
  if (block["type"] === "content" && isBlock(block["content"])) return blockParts(block["content"]);
  const source = isRecord(block["source"])
    ? block["source"]
    : isRecord(block["resource"])
      ? block["resource"]
      : block;
  const bytes = [source["data"], source["blob"]].find((data) => typeof data === "string");
  if (typeof bytes !== "string") return [{ type: "value", value: withoutBytes(block) }];
  const media = [source["media_type"], source["mimeType"], source["mime_type"]].find(
    (name) => typeof name === "string",
  );
  return [
    { type: "media", label: mediaLabel(String(block["type"]), media as string | undefined, bytes.length) },
  ];
}

function mediaLabel(type: string, media: string | undefined, encoded: number): string {
  const bytes = Math.floor((encoded * 3) / 4);
  const size =
    bytes < 1000
      ? `${bytes} bytes`
      : bytes < 1_000_000
        ? `${(bytes / 1000).toFixed(0)} kB`
        : `${(bytes / 1_000_000).toFixed(1)} MB`;
  return `${type}: ${media?.slice(0, 80) ?? "unknown type"}, ${size}`;
}

const BYTES = /^(?:data:[^,]{0,100},)?[A-Za-z0-9+/_-]{2000,}={0,2}$/;
const DEEPEST = 60;

/** Base64 in a value is told by its size. */
export function withoutBytes(value: unknown, depth = 0): unknown {
  if (typeof value === "string")
    return BYTES.test(value)
      ? `(base64, ${mediaLabel("data", undefined, value.length).split(", ")[1]!})`
      : value;
  if (depth > DEEPEST) return "(nested too deeply)";
  if (Array.isArray(value)) return value.map((item) => withoutBytes(item, depth + 1));
  if (isRecord(value))
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, withoutBytes(item, depth + 1)]),
    );
  return value;
}

const PRETTY_LIMIT = 200_000;

/** Plain text of a terminal's: without escape sequences, a line as its last carriage return left it; JSON on one line is spread. */
export function prettyText(text: string): string {
  if (/^\s*[[{]/.test(text) && text.length < PRETTY_LIMIT && !text.trim().includes("\n")) {
    try {
      return JSON.stringify(withoutBytes(JSON.parse(text)), null, 2);
    } catch {
      // Not JSON: text that begins with a bracket.
    }
  }
  return plainText(text);
}

// CSI, OSC (ended by BEL or ST) and the other sequences of ECMA-48.
const ESCAPES =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]/g;

export function plainText(text: string): string {
  const clean = /[\u001b\u0080-\u009f]/.test(text) ? text.replace(ESCAPES, "") : text;
  return clean.includes("\r")
    ? clean
        .replaceAll("\r\n", "\n")
        .replace(/\r+\n/g, "\n")
        .replace(/^.*\r(?=[^\r\n])/gm, "")
    : clean;
}

/** The text of an output, for a hint; the beginning and the end of a long one. */
export function textOf(output: unknown): string {
  if (typeof output === "string") return output;
  if (isRecord(output) && Array.isArray(output["content"])) return textOf(output["content"]);
  if (!Array.isArray(output)) return "";
  return output
    .map((block) => (isRecord(block) && typeof block["text"] === "string" ? block["text"] : ""))
    .join("\n");
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
