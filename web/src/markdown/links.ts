/** Where a link of the agent's text may lead. Everything else is shown as text, with its target. */
export interface Target {
  readonly href: string;
  /** The host as the browser resolves it (Punycode), or the address of a mail. */
  readonly host: string;
}

const ALLOWED = /^(?:https?:\/\/|mailto:)/i;
// Control characters, spaces and what hides or reorders text: no URL needs them unescaped.
const UNFIT = /[\u0000-\u0020\u007f-\u00a0\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\\]/;

export function targetOf(url: string): Target | null {
  if (!ALLOWED.test(url) || UNFIT.test(url) || url.length > 8192) return null;
  try {
    const parsed = new URL(url);
    if (parsed.protocol === "mailto:") return { href: parsed.href, host: parsed.pathname };
    if (parsed.protocol !== "http:" && parsed.protocol !== "https:") return null;
    return { href: parsed.href, host: parsed.host };
  } catch {
    return null;
  }
}

/** Whether a label that looks like an address names another host than the link's. */
export function misleads(label: string, target: Target): boolean {
  const named =
    /^\s*(?:[a-z][a-z\d+.-]*:\/\/)?(?:[^\s/@]*@)?((?:[\p{L}\d-]+\.)+\p{L}[\p{L}\d-]+)(?=[\s/:?#]|$)/iu.exec(
      label,
    );
  return (
    named !== null &&
    named[1]!.toLowerCase() !== target.host.replace(/:\d+$/, "") &&
    named[1]!.toLowerCase() !== target.host.split("@").at(-1)
  );
}

const SHOWN = 200;

/** A target in words: a data URL is its type and size. */
export function shortTarget(url: string): string {
  const data = /^\s*data:([^,;]{0,60})/i.exec(url);
  if (data && url.length > SHOWN) return `data:${data[1]}, ${Math.ceil(url.length / 1024)} kB`;
  return url.length > SHOWN ? `${url.slice(0, SHOWN)}…` : url;
}
