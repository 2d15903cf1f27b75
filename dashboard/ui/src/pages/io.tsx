// What jobs wait for now, on all workers, and what they have waited for.
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { short } from "../format";
import { Card, Empty, Heads, Since, Table } from "../parts/basics";
import { useSteady } from "../parts/hooks";
import { Shares } from "../parts/shares";
import { link } from "../router";
import { t } from "../texts";

type Worker = Schemas["WorkerModel"];

export function IoPage() {
  const live = useLive("/api/v1/workers", {});
  const workers = live.data?.workers ?? [];
  const traced = workers.flatMap((worker) => worker.io ?? []);
  return (
    <>
      <Card title={t.pages.io} sub={t.io.note} live={live}>
        <Waits workers={workers} />
      </Card>
      {traced.length > 0 && (
        <>
          <Totals title={t.io.byType} sums={traced.flatMap((each) => each.types)} />
          <Totals title={t.io.byTask} sums={traced.flatMap((each) => each.tasks)} task />
        </>
      )}
    </>
  );
}

function Waits({ workers }: { workers: Worker[] }) {
  const rows = workers.flatMap((worker) => worker.jobs.filter((job) => job.io).map((job) => ({ worker, job })));
  rows.sort((a, b) => String(a.job.io?.started).localeCompare(String(b.job.io?.started)));
  const [shown, holds] = useSteady(rows, ({ job }) => job.id);
  if (!shown.length) {
    return (
      <Empty>
        {t.io.none} <code>--trace_io</code>
      </Empty>
    );
  }
  const head = <Heads of={[t.io.type, t.io.data, [t.io.for, "n"], t.jobs.task, t.workers.worker]} />;
  return (
    <div {...holds}>
      <Table label={t.pages.io} head={head}>
        {shown.map(({ worker, job }) => (
          <tr key={job.id}>
            <td class="m">
              <b>{String(job.io?.type ?? "")}</b>
            </td>
            <td class="m cut" title={short(job.io?.data, 600)}>
              {short(job.io?.data)}
            </td>
            <td class="n">
              <Since at={typeof job.io?.started === "string" ? job.io.started : job.started} />
            </td>
            <td class="m">
              <a data-row href={link(`jobs/${job.id}`)}>{job.task}</a>
            </td>
            <td class="m">
              <a href={link(`workers/${worker.id}`)}>{worker.name}</a>
            </td>
          </tr>
        ))}
      </Table>
    </div>
  );
}

function Totals({ title, sums, task }: { title: string; sums: Schemas["IoTotal"][]; task?: boolean }) {
  const found = new Map<string, number>();
  for (const { name, seconds } of sums) found.set(name, (found.get(name) ?? 0) + seconds);
  const sorted = [...found].sort((a, b) => b[1] - a[1]).slice(0, 20);
  return (
    <Card title={title} sub={t.io.since} span={6}>
      <Shares label={title} sums={sorted} to={task ? (name) => link("tasks/one", { name }) : undefined} />
    </Card>
  );
}
