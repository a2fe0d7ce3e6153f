const DAY_MS = 86_400_000;

/** The beginning (UTC) of the day so many days ago; null for all time. */
export function sinceOf(days: string, now: number): string | null {
  const number = Number(days);
  if (days === "" || !Number.isFinite(number)) return null;
  const start = Math.floor((now - number * DAY_MS) / DAY_MS) * DAY_MS;
  return new Date(start).toISOString();
}
