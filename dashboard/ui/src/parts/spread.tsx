// How the scores of a sorted or timed set are spread. A bar leads to what is within it.
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { clock, num } from "../format";
import { link, place } from "../router";
import { t } from "../texts";
import { Card } from "./basics";
import { Bars } from "./charts";

const SLICES = 48;

interface SpreadProps {
  queue: Pick<Schemas["QueueModel"], "name" | "type">;
  title?: string;
  span?: number;
}

/** A part of the scores, as the address of the queue's page says; else all around now. */
function usePart(name: string): { start: number; end: number } | undefined {
  const { query } = place.use();
  const [start, end] = ["from", "to"].map((each) => Number(query.get(each) ?? NaN)) as [number, number];
  return query.get("name") === name && start < end ? { start, end } : undefined;
}

export function Spread({ queue: { name, type }, title, span = 12 }: SpreadProps) {
  const part = usePart(name);
  const live = useLive("/api/v1/queues/distribution", { query: { name, slices: SLICES, ...part } }, 2);
  const all = live.data?.slices ?? [];
  const slices = part ? all.filter((slice) => slice.start !== null && slice.end !== null) : all;
  const timed = type === "timed_set";
  const now = Date.now() / 1000;
  const due = slices.map((slice) => (timed && slice.end !== null && slice.end <= now ? slice.jobs : 0));
  const rest = slices.map((slice, index) => slice.jobs - (due[index] ?? 0));
  const nameOf = (index: number) => {
    const start = slices[index]?.start;
    if (start === null || start === undefined) return "-∞";
    return timed ? clock(new Date(start * 1000).toISOString(), Date.now()) : num(Math.round(start * 1000) / 1000);
  };
  const to = (index: number) => {
    const slice = slices[index];
    const bounded = slice?.start != null && slice.end != null && slice.end > slice.start;
    return bounded ? link("queues/one", { name, from: String(slice.start), to: String(slice.end) }) : undefined;
  };
  return (
    <Card
      title={title ?? (timed ? t.queues.dueTimes : t.queues.scores)}
      sub={num(slices.reduce((sum, slice) => sum + slice.jobs, 0))}
      span={span}
      live={live}
      tools={part && <a class="btn" href={link("queues/one", { name })}>{t.queues.wholeSpread}</a>}
    >
      <div class="body">
        <Bars
          label={t.queues.spread(name)}
          ticks={nameOf}
          height={160}
          to={to}
          series={[
            { name: t.queues.due, kind: "retry", values: due },
            { name: timed ? t.queues.later : t.queues.score, kind: "p50", values: rest },
          ]}
        />
      </div>
    </Card>
  );
}
