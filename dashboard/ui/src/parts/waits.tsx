// What jobs wait for now: a row an operation, the longest first.
import type { Schemas } from "../api/client";
import { short } from "../format";
import { link } from "../router";
import { t } from "../texts";
import { Heads, Since, Table } from "./basics";
import { useSteady } from "./hooks";

type Job = Schemas["RunningNow"];

export interface Waiting {
  job: Job;
  /** Where not all are of one worker. */
  worker?: Schemas["WorkerModel"];
}

/** Those that wait; the one that began first comes first. */
export function waitingOf<T extends Waiting>(all: T[]): T[] {
  return all.filter(({ job }) => job.io).sort((a, b) => sinceOf(a.job).localeCompare(sinceOf(b.job)));
}

const sinceOf = (job: Job) => job.io?.started ?? job.started ?? "";

export function Waits({ rows, label }: { rows: Waiting[]; label: string }) {
  const [shown, holds] = useSteady(rows, ({ job }) => job.id);
  const withWorker = rows.some(({ worker }) => worker);
  const head = <Heads of={[t.io.type, t.io.data, [t.io.for, "n"], t.jobs.task, withWorker && t.workers.worker]} />;
  return (
    <div {...holds}>
      <Table label={label} head={head}>
        {shown.map(({ job, worker }) => (
          <tr key={job.id}>
            <td class="m">
              <b>{job.io?.type}</b>
            </td>
            <td class="m cut" title={short(job.io?.data, 600)}>
              {short(job.io?.data)}
            </td>
            <td class="n">
              <Since at={sinceOf(job)} />
            </td>
            <td class="m">
              <a data-row href={link(`jobs/${job.id}`)}>{job.task}</a>
            </td>
            {withWorker && (
              <td class="m">{worker && <a href={link(`workers/${worker.id}`)}>{worker.name}</a>}</td>
            )}
          </tr>
        ))}
      </Table>
    </div>
  );
}
