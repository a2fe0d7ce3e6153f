import type { ShadowReport } from "@agent-runner/engine";
import { count, duration, percent } from "../ui/format";
import { Table } from "./Table";

type Day = ShadowReport["metrics"]["days"][number];

const WIDTH = 720;
const HEIGHT = 96;
const GAP = 2;

/** The match rate of each day as a picture, and as a table for who wants the figures. */
export function Days({ days }: { days: readonly Day[] }) {
  if (days.length === 0) return null;
  const step = WIDTH / days.length;
  const told = days.filter((day) => day.match !== null);
  const worst = told.reduce<Day | null>(
    (least, day) => (least === null || (day.match ?? 1) < (least.match ?? 1) ? day : least),
    null,
  );
  const words =
    worst === null
      ? `No day of ${days.length} has a comparison that can be judged.`
      : `Share of matching answers on ${days.length} days, ${days[0]!.day} to ${days.at(-1)!.day}; the lowest is ${percent(worst.match)} on ${worst.day}.`;
  return (
    <figure className="op-days">
      <figcaption>Match by day</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words}>
        <line className="op-grid" x1={0} x2={WIDTH} y1={0.5} y2={0.5} />
        <line className="op-grid" x1={0} x2={WIDTH} y1={HEIGHT / 2} y2={HEIGHT / 2} />
        {days.map((day, at) => {
          const height = day.match === null ? 0 : Math.max(1, day.match * HEIGHT);
          return (
            <rect
              key={day.day}
              className={day.match === null ? "op-bar none" : "op-bar"}
              x={at * step + GAP / 2}
              width={Math.max(1, Math.min(step - GAP, 40))}
              y={HEIGHT - height}
              height={height}
            >
              <title>{`${day.day}: ${percent(day.match)} of ${day.judged}`}</title>
            </rect>
          );
        })}
      </svg>
      <p className="hint">{words}</p>
      <details>
        <summary>As a table</summary>
        <Table
          caption="Match and times by day"
          rows={[...days].reverse()}
          keyOf={(day) => day.day}
          columns={[
            { head: "Day (UTC)", cell: (day) => day.day },
            { head: "Judged", kind: "num", cell: (day) => count(day.judged) },
            { head: "Match or equivalent", kind: "num", cell: (day) => percent(day.match) },
            { head: "Headless, median", kind: "num", cell: (day) => duration(day.headlessP50Ms) },
            { head: "tmux, median", kind: "num", cell: (day) => duration(day.tmuxP50Ms) },
          ]}
        />
      </details>
    </figure>
  );
}
