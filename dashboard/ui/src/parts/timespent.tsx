// Where the time of a job's last run went, as far as its worker traced it.
import type { Schemas } from "../api/client";
import { t } from "../texts";
import { Card } from "./basics";
import { Shares } from "./shares";

const between = (from: string | null, to: string | null) => from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null;

export function TimeSpent({ job }: { job: Schemas["JobDetail"] }) {
  const run = job.runs.at(-1);
  const ran = run ? between(run.started, run.ended) : null;
  if (!run || run.cpu === null || ran === null) return null;
  const waited = between(run.queued, run.started);
  const sums: [string, number][] = [[t.job.onProcessor, run.cpu], [t.job.offProcessor, Math.max(0, ran - run.cpu)]];
  if (waited !== null) sums.unshift([t.job.inQueue, Math.max(0, waited)]);
  return (
    <Card title={t.job.timeSpent} sub={t.job.lastRun} span={0}>
      <Shares label={t.job.timeSpent} sums={sums} />
    </Card>
  );
}
