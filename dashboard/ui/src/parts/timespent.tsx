// Where the time of a job's last run went, to scale, as far as its worker traced it.
import type { Schemas } from "../api/client";
import { duration } from "../format";
import { t } from "../texts";
import { Card } from "./basics";
import { Legend } from "./charts";
import { useWidth } from "./hooks";
import { Shares } from "./shares";

type Run = Schemas["Run"];

interface Part {
  name: string;
  kind: string;
  seconds: number;
}

const between = (from: string | null, to: string | null) => from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null;

/** The colour of what is waited for, by the library that waits. */
const KINDS: Record<string, string> = { http: "retry", mongodb: "p99", redis: "p95" };

/** What was waited for, by library; then the processor; then the rest. Its sum is the run, or more where waits overlap. */
function partsOf(run: Run, ran: number): Part[] {
  const waits = new Map<string, number>();
  for (const { type, seconds } of run.io ?? []) {
    const name = type.split(".")[0] ?? type;
    waits.set(name, (waits.get(name) ?? 0) + seconds);
  }
  const parts = [...waits].map(([name, seconds]): Part => ({ name, kind: KINDS[name] ?? "p50", seconds }));
  parts.sort((a, b) => b.seconds - a.seconds);
  if (run.cpu !== null) parts.push({ name: t.job.onProcessor, kind: "ok", seconds: run.cpu });
  const rest = ran - parts.reduce((sum, part) => sum + part.seconds, 0);
  const name = run.io ? t.job.rest : t.job.offProcessor;
  return rest > ran / 1000 ? [...parts, { name, kind: "wait", seconds: rest }] : parts;
}

export function TimeSpent({ job }: { job: Schemas["JobDetail"] }) {
  const run = job.runs.at(-1);
  const ran = run ? between(run.started, run.ended) : null;
  if (!run || ran === null || (run.cpu === null && !run.io)) return null;
  const parts = partsOf(run, ran);
  const [most] = [...parts].sort((a, b) => b.seconds - a.seconds);
  const waited = between(run.queued, run.started);
  const sums = parts.filter((part) => !run.io || ["ok", "wait"].includes(part.kind)).map((part): [string, number] => [part.name, part.seconds]);
  for (const { type, seconds, calls } of run.io ?? []) sums.push([t.job.waitedFor(type, calls), seconds]);
  sums.sort(([, a], [, b]) => b - a);
  if (waited !== null) sums.unshift([t.job.inQueue, Math.max(0, waited)]);
  return (
    <Card title={t.job.timeSpent} sub={most && ran ? t.job.mostly(Math.min(100, Math.round((100 * most.seconds) / ran)), most.name) : t.job.lastRun} span={0}>
      <Scale parts={parts} ran={ran} />
      <Shares label={t.job.timeSpent} sums={sums} />
    </Card>
  );
}

const HEIGHT = 10;

/** One bar, as long as the run. */
function Scale({ parts, ran }: { parts: Part[]; ran: number }) {
  const [ref, width] = useWidth();
  const whole = Math.max(ran, parts.reduce((sum, part) => sum + part.seconds, 0), 1e-9);
  let x = 0;
  return (
    <div class="body">
      <div ref={ref} class="chartbox">
        <svg class="chart" width={width} height={HEIGHT} role="img" aria-label={parts.map((part) => `${part.name} ${duration(part.seconds)}`).join(", ")}>
          {parts.map((part) => {
            const from = x;
            x += (part.seconds / whole) * width;
            return (
              <rect key={part.name} class={`f-${part.kind}`} x={from} width={Math.max(1, x - from - 1)} height={HEIGHT} rx={1}>
                <title>{`${part.name} ${duration(part.seconds)}`}</title>
              </rect>
            );
          })}
        </svg>
      </div>
      <Legend series={parts.map((part) => ({ name: `${part.name} ${duration(part.seconds)}`, kind: part.kind }))} />
    </div>
  );
}
