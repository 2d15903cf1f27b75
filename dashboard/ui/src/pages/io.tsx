// What jobs wait for now, on all workers, and what they have waited for.
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { Card, Empty } from "../parts/basics";
import { Shares } from "../parts/shares";
import { Waits, waitingOf } from "../parts/waits";
import { link } from "../router";
import { t } from "../texts";

export function IoPage() {
  const live = useLive("/api/v1/workers", {});
  const workers = live.data?.workers ?? [];
  const rows = waitingOf(workers.flatMap((worker) => worker.jobs.map((job) => ({ worker, job }))));
  const traced = workers.flatMap((worker) => worker.io ?? []);
  return (
    <>
      <Card title={t.pages.io} sub={t.io.note} live={live}>
        {rows.length ? (
          <Waits rows={rows} label={t.pages.io} />
        ) : (
          <Empty>
            {t.io.none} <code>--trace_io</code>
          </Empty>
        )}
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
