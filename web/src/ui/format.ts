/** Numbers and times as they are shown. What is not known is "unknown", and never zero. */

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const DATE = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const LONG_DATE = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
});
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const COUNT = new Intl.NumberFormat(undefined);

const DAY_MS = 86_400_000;

export function clock(at: string): string {
  return CLOCK.format(new Date(at));
}

export function fullTime(at: string): string {
  return FULL.format(new Date(at));
}

/** As short as it can be said: a time today, a weekday this week, else a date. */
export function shortTime(at: string, now = Date.now()): string {
  const time = new Date(at);
  if (now - time.getTime() < 60_000) return "now";
  if (isSameDay(time, new Date(now))) return CLOCK.format(time);
  return now - time.getTime() < 6 * DAY_MS ? DAY.format(time) : DATE.format(time);
}

export function dayOf(at: string, now = Date.now()): string {
  const time = new Date(at);
  if (isSameDay(time, new Date(now))) return "Today";
  if (isSameDay(time, new Date(now - DAY_MS))) return "Yesterday";
  return LONG_DATE.format(time);
}

export function isSameDay(a: Date, b: Date): boolean {
  return a.toDateString() === b.toDateString();
}

export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "unknown";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} m` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? "unknown" : COUNT.format(value);
}

export function money(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return "unknown";
  if (usd === 0) return "$0";
  return usd < 0.01 ? `$${usd.toPrecision(2)}` : `$${usd.toFixed(2)}`;
}

export function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  if (size < 1e6) return `${(size / 1e3).toFixed(0)} kB`;
  return size < 1e9 ? `${(size / 1e6).toFixed(1)} MB` : `${(size / 1e9).toFixed(1)} GB`;
}

export function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? "unknown" : `${(share * 100).toFixed(1)} %`;
}

const TITLES: Record<string, string> = {
  "claude-code": "Claude Code",
  codex: "Codex CLI",
  gemini: "Gemini CLI",
  "factory-droid": "Factory Droid",
  acp: "ACP agent",
  custom: "Own command",
  replay: "Recording",
};

/** What people call a type of agent. */
export function typeTitle(type: string): string {
  return TITLES[type] ?? type;
}
