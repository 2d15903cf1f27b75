// The runs of a job, drawn to scale: waiting in grey, running in the colour of how it ended.
import type { Schemas } from "../api/client";
import { clock, duration } from "../format";
import { t } from "../texts";
import { Card } from "./basics";
import { Legend } from "./charts";
import { useNow, useWidth } from "./hooks";

type Job = Schemas["JobDetail"];

export interface Try {
  number: number;
  traceback: string | null;
  original: string | null;
  exceptiontype: string | null;
  status: string;
  /** Milliseconds since 1970. A run whose start isn't known has only an end. */
  queued: number;
  started: number | null;
  ended: number | null;
  deploy: string | null;
}

const time = (moment: string | null | undefined): number | null => (moment ? Date.parse(moment) : null);

/** Every run that is known; jobs of MRQ 0.9 have a history of failures only. */
export function triesOf(job: Job): Try[] {
  return job.runs.length ? fromRuns(job) : fromHistory(job);
}

const SAME = 5_000; // milliseconds between the end of a run and the entry of the history that tells of it

function fromRuns(job: Job): Try[] {
  const left = [...job.attempts];
  const tries = job.runs.map((run, index): Try => {
    const ended = time(run.ended);
    const at = left.findIndex((each) => ended !== null && each.date !== null && Math.abs((time(each.date) ?? 0) - ended) < SAME);
    const entry = at < 0 ? undefined : left.splice(at, 1)[0];
    const last = index === job.runs.length - 1;
    return {
      number: index + 1,
      traceback: entry?.traceback ?? (last && run.end !== "success" ? job.traceback : null),
      original: entry?.original_traceback ?? null,
      exceptiontype: run.exceptiontype,
      status: run.end ?? "started",
      queued: time(run.queued) ?? time(run.started) ?? 0,
      started: time(run.started),
      ended,
      deploy: run.deploy,
    };
  });
  if (job.status === "queued") {
    const queued = time(job.queued) ?? time(job.created) ?? 0;
    tries.push({ number: tries.length + 1, traceback: null, original: null, exceptiontype: null, status: job.status, queued, started: null, ended: null, deploy: null });
  }
  return tries;
}

/** Attempts from the history; the last run is in the job itself. */
function fromHistory(job: Job): Try[] {
  let before = time(job.created) ?? 0;
  const tries: Try[] = job.attempts.map((attempt, index) => {
    const ended = time(attempt.date);
    const found = {
      number: index + 1,
      traceback: attempt.traceback,
      original: attempt.original_traceback,
      exceptiontype: attempt.exceptiontype,
      status: attempt.status,
      queued: before,
      started: null,
      ended,
      deploy: null,
    };
    before = ended ?? before;
    return found;
  });
  const started = time(job.started);
  const last = tries.at(-1);
  const ends = job.status === "started" || job.status === "queued" ? null : time(job.updated);
  if (last && started !== null && last.ended !== null && started < last.ended) {
    last.started = started; // the newest entry of the history is this very run
    last.queued = Math.min(Math.max(last.queued, time(job.queued) ?? last.queued), started);
  } else if (started !== null || job.status === "queued") {
    tries.push({
      number: tries.length + 1,
      traceback: job.traceback,
      original: null,
      exceptiontype: job.exceptiontype,
      status: job.status,
      queued: Math.max(before, Math.min(time(job.queued) ?? before, started ?? Infinity)),
      started: job.status === "queued" && last ? null : started,
      ended: ends,
      deploy: null,
    });
  }
  return tries;
}

const LEFT = 78;
const ROW = 28;
const MOST = 12;

function kindOf(status: string): string {
  if (status === "success") return "ok";
  if (status === "started") return "run";
  return ["retry", "interrupt", "handed back"].includes(status) ? "retry" : "bad";
}

export function Attempts({ job }: { job: Job }) {
  const [ref, width] = useWidth();
  const now = useNow();
  const all = triesOf(job);
  if (!all.length) return null;
  const shown = all.slice(-MOST);
  const first = Math.min(...shown.map((each) => Math.min(each.queued, each.started ?? each.queued))); // clocks differ
  const running = job.status === "started" || job.status === "queued";
  const last = Math.max(first + 1, ...shown.map((each) => each.ended ?? (running ? now : each.queued)));
  const longest = Math.max(0, ...shown.map((each) => noteOf(each, now).length));
  const notes = Math.min(longest * 8 + 16, width * 0.5); // room behind the bars
  const x = (moment: number) => LEFT + ((moment - first) / (last - first)) * Math.max(10, width - LEFT - notes);
  const height = shown.length * ROW + 26;
  const legend = ["wait", ...new Set(shown.filter((each) => each.started || each.ended).map((each) => kindOf(each.status)))];
  return (
    <Card
      title={t.attempts.title}
      sub={all.length > MOST ? t.attempts.cut(MOST, all.length) : undefined}
      tools={<Legend series={legend.map((kind) => ({ name: t.attempts.kinds[kind as keyof typeof t.attempts.kinds], kind }))} />}
    >
      <div ref={ref} class="body chartbox">
        {width > 0 && (
          <svg class="chart" width={width} height={height} role="img" aria-label={describe(shown)}>
            {(width < 600 ? [0, 1] : [0, 0.25, 0.5, 0.75, 1]).map((part) => {
              const moment = first + (last - first) * part;
              return (
                <g key={part}>
                  <line class="ax" x1={x(moment)} x2={x(moment)} y1={0} y2={height - 22} />
                  <text x={x(moment)} y={height - 6} text-anchor={part ? "middle" : "start"}>
                    {part ? `+${duration((moment - first) / 1000)}` : clock(new Date(first).toISOString(), now)}
                  </text>
                </g>
              );
            })}
            {shown.map((each, index) => (
              <Row key={each.number} one={each} y={index * ROW} x={x} now={now} />
            ))}
          </svg>
        )}
      </div>
    </Card>
  );
}

function Row({ one, y, x, now }: { one: Try; y: number; x: (moment: number) => number; now: number }) {
  const end = one.ended ?? now;
  const run = one.started ?? (one.ended === null ? end : null);
  const from = x(one.queued);
  return (
    <g>
      <text class="name" x={0} y={y + 17}>
        {t.attempts.name(one.number)}
      </text>
      <rect class="f-wait" x={from} y={y + 9} width={Math.max(2, x(run ?? end) - from)} height={8} rx={2} />
      {run === null && <rect class={`f-${kindOf(one.status)}`} x={x(end) - 2} y={y + 4} width={4} height={18} rx={2} />}
      {one.started !== null && (
        <rect class={`f-${kindOf(one.status)}`} x={x(one.started)} y={y + 6} width={Math.max(3, x(end) - x(one.started))} height={14} rx={2} />
      )}
      <text class="note" x={x(end) + 8} y={y + 17}>
        {noteOf(one, now)}
      </text>
    </g>
  );
}

function noteOf(one: Try, now: number): string {
  const runs = one.ended !== null || one.started !== null;
  const seconds = one.started === null ? "" : duration(Math.max(0, ((one.ended ?? now) - one.started) / 1000));
  return [one.exceptiontype ?? (runs ? one.status : t.attempts.waits), seconds, one.deploy].filter(Boolean).join(", ").slice(0, 60);
}

function describe(tries: Try[]): string {
  return tries.map((each) => `${t.attempts.name(each.number)}: ${each.exceptiontype ?? each.status}`).join("; ");
}
