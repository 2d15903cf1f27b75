// Workers: the silent ones first; one of them with the jobs it runs, and where each of them is.
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { bytes, duration, num } from "../format";
import { Ago, Broken, Card, Empty, type Fact, Facts, Loading, Pill, Since, Table, Th } from "../parts/basics";
import { Lines } from "../parts/charts";
import { Fleet } from "../parts/fleet";
import { useSteady } from "../parts/hooks";
import { Json } from "../parts/json";
import { Logs } from "../parts/logs";
import { tickOf, useLast, useStart } from "../parts/statistics";
import { link } from "../router";
import { t } from "../texts";

type Worker = Schemas["WorkerModel"];

export function WorkersPage() {
  const live = useLive("/api/v1/workers", {});
  const workers = live.data?.workers ?? [];
  return (
    <>
      <Card title={t.workers.map} sub={t.overview.cells} live={live} tools={<Marks />}>
        <Fleet workers={workers} />
      </Card>
      {workers.length > 0 && (
        <Card title={t.pages.workers} sub={live.data?.complete ? num(workers.length) : t.over(num(workers.length))}>
          <List workers={workers} />
        </Card>
      )}
    </>
  );
}

function Marks() {
  return (
    <div class="lg">
      <span>
        <i class="b-p95" />
        {t.workers.busy}
      </span>
      <span>
        <i class="b-retry" />
        {t.workers.long}
      </span>
    </div>
  );
}

function State({ worker }: { worker: Worker }) {
  if (worker.is_late) {
    return (
      <Pill kind="failed" icon="failures">
        {t.workers.silent(duration(Math.round(worker.silent)))}
      </Pill>
    );
  }
  const full = worker.jobs.length >= worker.greenlets;
  return (
    <Pill kind={worker.jobs.length ? "started" : "queued"} icon={worker.jobs.length ? "play" : "ring"}>
      {full && worker.greenlets ? t.workers.full : worker.jobs.length ? t.workers.serving : (t.workers.states[worker.status as "wait"] ?? worker.status)}
    </Pill>
  );
}

function List({ workers }: { workers: Worker[] }) {
  const [shown, holds] = useSteady(workers, (worker) => worker.id);
  const head = (
    <>
      <Th>{t.workers.worker}</Th>
      <Th>{t.jobs.status}</Th>
      <Th>{t.pages.queues}</Th>
      <Th n>{t.overview.busy}</Th>
      <Th n>{t.workers.cpu}</Th>
      <Th n>{t.workers.memory}</Th>
      <Th n>{t.workers.done}</Th>
      <Th n>{t.workers.since}</Th>
      <Th n>{t.workers.reported}</Th>
    </>
  );
  return (
    <div {...holds}>
      <Table label={t.pages.workers} head={head}>
        {shown.map((worker) => (
          <tr key={worker.id}>
            <td class="ex">
              <a class="e" data-row href={link(`workers/${worker.id}`)}>
                {worker.name}
              </a>
              <span class="p">
                {worker.host} {worker.pid !== null && `pid ${worker.pid}`} {worker.group}
              </span>
            </td>
            <td>
              <State worker={worker} />
            </td>
            <td class="m cut" title={worker.queues.join(" ")}>
              {worker.queues.join(" ")}
            </td>
            <td class="n">
              {worker.jobs.length} <span class="mut">/ {worker.greenlets}</span>
            </td>
            <td class="n">{worker.cpu_percent === null ? t.none : `${worker.cpu_percent.toFixed(0)} %`}</td>
            <td class="n">{bytes(worker.memory)}</td>
            <td class="n">
              <a href={link("jobs", { worker: worker.id })}>{num(worker.done_jobs)}</a>
            </td>
            <td class="n">
              <Since at={worker.started} />
            </td>
            <td class="n">
              <Ago at={worker.reported} />
            </td>
          </tr>
        ))}
      </Table>
    </div>
  );
}

export function WorkerPage({ id }: { id: string }) {
  const live = useLive("/api/v1/workers/{worker_id}", { path: { worker_id: id } });
  const worker = live.data;
  if (!worker) return live.error ? <div class="s12 card"><Broken live={live} /></div> : <Loading />;
  const facts: Fact[] = [
    [t.workers.host, worker.host ?? t.none, worker.pid === null ? undefined : `pid ${worker.pid}`],
    [t.workers.since, <Since at={worker.started} />, <Ago at={worker.started} />],
    [t.workers.reported, <Ago at={worker.reported} />, worker.lease === null ? undefined : t.workers.lease(duration(worker.lease))],
    [t.overview.busy, `${worker.jobs.length} / ${worker.greenlets}`],
    [t.workers.cpu, worker.cpu_percent === null ? t.none : `${worker.cpu_percent.toFixed(0)} %`],
    [t.workers.memory, bytes(worker.memory)],
    [t.workers.done, <a href={link("jobs", { worker: worker.id })}>{num(worker.done_jobs)}</a>],
    [t.workers.group, worker.group ?? t.none],
  ];
  return (
    <>
      <div class="jh s12">
        <div class="tt">
          <div class="crumb">
            <a href={link("workers")}>{t.pages.workers}</a>
          </div>
          <h2 class="m">{worker.name}</h2>
          <p class="line">
            <State worker={worker} /> <span class="m">{worker.id}</span>
            {worker.queues.map((queue) => (
              <a key={queue} class="tag m" href={link("queues/one", { name: queue.replace(/_reverse$/, "") })}>
                {queue}
              </a>
            ))}
          </p>
        </div>
      </div>
      {live.error && <div class="s12"><Broken live={live} /></div>}
      <Facts facts={facts} />
      <Running jobs={worker.jobs} />
      <History id={worker.id} />
      <Logs owner="/api/v1/workers/{worker_id}/logs" id={worker.id} follow />
    </>
  );
}

function History({ id }: { id: string }) {
  const asked = useLive("/api/v1/statistics/workers/{worker_id}", { path: { worker_id: id }, query: { start: useStart() } }, 10);
  const live = useLast(asked, id);
  const points = (live.data?.points ?? []).filter((point) => point.start !== null);
  const slots = points.map((point) => ({ at: Date.parse(point.start ?? ""), figures: undefined }));
  const tick = (index: number) => tickOf({ slots, seconds: 60 }, index);
  const chart = (title: string, values: number[], unit: (value: number) => string) => (
    <Card title={title} span={4} live={live}>
      <div class="body">
        {points.length ? (
          <Lines label={title} series={[{ name: title, kind: "p95", values }]} ticks={tick} unit={unit} height={150} />
        ) : (
          <Empty>{t.stats.none}</Empty>
        )}
      </div>
    </Card>
  );
  return (
    <>
      {chart(t.stats.busy, points.map((point) => point.busy), (value) => String(Math.round(value * 10) / 10))}
      {chart(t.stats.cpu, points.map((point) => point.cpu), (value) => `${Math.round(value * 100)} %`)}
      {chart(t.stats.memory, points.map((point) => point.rss), bytes)}
    </>
  );
}

function Running({ jobs }: { jobs: Schemas["WorkerJob"][] }) {
  return (
    <Card title={t.workers.jobs} sub={t.job.stackNote}>
      {jobs.length ? (
        <ul class="stacks">
          {jobs.map((job) => (
            <li key={job.id}>
              <a class="m" data-row href={link(`jobs/${job.id}`)}>
                <b>{job.task}</b>
              </a>{" "}
              <span class="mut">
                {t.job.runs} <Since at={job.started} />
              </span>
              <details open={jobs.length < 4}>
                <summary class="mut">{t.workers.stack}</summary>
                <pre class="stack" tabIndex={0}>
                  {job.stack.length ? job.stack.join("\n") : t.job.noStack}
                </pre>
                {job.io && <Json value={job.io} />}
              </details>
            </li>
          ))}
        </ul>
      ) : (
        <Empty>{t.workers.idle}</Empty>
      )}
    </Card>
  );
}

/** Operations in progress on all workers. */
export function IoPage() {
  const live = useLive("/api/v1/workers", {});
  const rows = (live.data?.workers ?? []).flatMap((worker) =>
    worker.jobs.filter((job) => job.io).map((job) => ({ worker, job })),
  );
  return (
    <Card title={t.pages.io} sub={t.io.note} live={live}>
      {rows.length ? (
        <Table
          label={t.pages.io}
          head={
            <>
              <Th>{t.io.operation}</Th>
              <Th>{t.jobs.task}</Th>
              <Th>{t.workers.worker}</Th>
              <Th n>{t.job.ran}</Th>
            </>
          }
        >
          {rows.map(({ worker, job }) => (
            <tr key={job.id}>
              <td>
                <Json value={job.io} />
              </td>
              <td class="m">
                <a data-row href={link(`jobs/${job.id}`)}>{job.task}</a>
              </td>
              <td class="m">
                <a href={link(`workers/${worker.id}`)}>{worker.name}</a>
              </td>
              <td class="n">
                <Since at={job.started} />
              </td>
            </tr>
          ))}
        </Table>
      ) : (
        <Empty>
          {t.io.none} <code>--trace_io</code>
        </Empty>
      )}
    </Card>
  );
}
