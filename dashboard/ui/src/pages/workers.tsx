// Workers: the silent ones first; one of them with the jobs it runs, and where each of them is.
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { bytes, duration, num } from "../format";
import { Ago, Broken, Button, Card, Empty, Facts, Heads, Loading, Pill, Segments, Since, Table, type Fact } from "../parts/basics";
import { Lines } from "../parts/charts";
import { Fleet } from "../parts/fleet";
import { useParam, useSteady } from "../parts/hooks";
import { Json } from "../parts/json";
import { later } from "../parts/later";
import { Logs } from "../parts/logs";
import { Shares } from "../parts/shares";
import { Waits, waitingOf } from "../parts/waits";
import { tickOf, useLast, useStart } from "../parts/statistics";
import { order } from "../orders";
import { link, withQuery } from "../router";
import { barred } from "../session";
import { t } from "../texts";

const AgentsTab = later(() => import("./groups").then((part) => part.AgentsTab));
const GroupsTab = later(() => import("./groups").then((part) => part.GroupsTab));
const ProfilesCard = later(() => import("./profiles").then((part) => part.ProfilesCard));

type Worker = Schemas["WorkerModel"];

type Tab = "fleet" | "groups" | "agents";
const TABS: Tab[] = ["fleet", "groups", "agents"];

export function WorkersPage() {
  const wanted = useParam("tab") as Tab;
  const tab = TABS.includes(wanted) ? wanted : "fleet";
  return (
    <>
      <div class="s12">
        <Segments
          label={t.pages.workers}
          value={tab}
          choices={TABS.map((value) => ({ value, text: t.workers.tabs[value] }))}
          onChange={(value) => withQuery({ tab: value === "fleet" ? null : value }, { replace: false })}
        />
      </div>
      {tab === "fleet" ? <FleetTab /> : tab === "groups" ? <GroupsTab /> : <AgentsTab />}
    </>
  );
}

function FleetTab() {
  const live = useLive("/api/v1/workers", {});
  const workers = live.data?.workers ?? [];
  return (
    <>
      <Card title={t.workers.map} sub={t.overview.cells} live={live} tools={<Marks />}>
        <Fleet workers={workers} />
      </Card>
      {workers.length > 0 && (
        <Card title={t.pages.workers} sub={live.data?.complete ? num(workers.length) : t.over(num(workers.length))}>
          <List workers={[...workers].sort((a, b) => rank(a) - rank(b))} />
        </Card>
      )}
    </>
  );
}

/** The silent ones first, then those that have no greenlet left. */
const rank = (worker: Worker) => (worker.is_late ? 0 : worker.busy >= worker.greenlets ? 1 : 2);

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
  if (worker.quiet) {
    return (
      <Pill kind="paused" icon="pause">
        {t.workers.quiet}
      </Pill>
    );
  }
  const full = worker.busy >= worker.greenlets;
  return (
    <Pill kind={worker.busy ? "started" : "queued"} icon={worker.busy ? "play" : "ring"}>
      {full && worker.greenlets ? t.workers.full : worker.busy ? t.workers.serving : (t.workers.states[worker.status as "wait"] ?? worker.status)}
    </Pill>
  );
}

function List({ workers }: { workers: Worker[] }) {
  const [shown, holds] = useSteady(workers, (worker) => worker.id);
  const head = (
    <Heads
      of={[
        t.workers.worker, t.jobs.status, t.pages.queues, [t.overview.busy, "n"], [t.workers.cpu, "n"],
        [t.workers.memory, "n"], [t.workers.done, "n"], [t.workers.since, "n"], [t.workers.reported, "n"],
      ]}
    />
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
                {worker.host} {worker.pid !== null && `pid ${worker.pid}`} {worker.group} {worker.is_burst && t.workers.burst}
              </span>
            </td>
            <td>
              <State worker={worker} />
            </td>
            <td class="m cut" title={worker.queues.join(" ")}>
              {worker.queues.join(" ")}
            </td>
            <td class="n">
              {worker.busy} <span class="mut">/ {worker.greenlets}</span>
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
    [t.overview.busy, `${worker.busy} / ${worker.greenlets}`],
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
        <Orders worker={worker} refresh={live.refresh} />
      </div>
      {live.error && <div class="s12"><Broken live={live} /></div>}
      <Facts facts={facts} />
      <WaitsNow jobs={worker.jobs} />
      <Running jobs={worker.jobs} />
      <History id={worker.id} />
      {worker.io && <Waited io={worker.io} />}
      <ProfilesCard worker={worker.id} span={6} />
      {worker.config && (
        <Card title={t.queues.config} span={worker.io ? 12 : 6}>
          <div class="body">
            <Json value={worker.config} />
          </div>
        </Card>
      )}
      <Logs owner="/api/v1/workers/{worker_id}/logs" id={worker.id} follow />
    </>
  );
}

function Orders({ worker, refresh }: { worker: Worker; refresh: () => void }) {
  const why = barred("operator");
  const say = (verb: Schemas["Verb"]) => () => void order(worker, verb, refresh);
  return (
    <div class="acts">
      {worker.quiet ? (
        <Button icon="play" kind="p" barred={why} onClick={say("resume")}>
          {t.workers.orders.resume}
        </Button>
      ) : (
        <Button icon="pause" barred={why} onClick={say("quiet")}>
          {t.workers.orders.quiet}
        </Button>
      )}
      <Button icon="edit" barred={why} onClick={say("resize")}>
        {t.workers.orders.resize}
      </Button>
      <Button icon="profiles" barred={why} onClick={say("profile")}>
        {t.workers.orders.profile}
      </Button>
      <Button icon="stop" kind="d" barred={why} onClick={say("stop")}>
        {t.workers.orders.stop}
      </Button>
    </div>
  );
}

function Waited({ io }: { io: Schemas["IoTotals"] }) {
  return (
    <Card title={t.workers.waitsFor} sub={t.workers.waitsSince} span={6}>
      <Shares label={t.io.byType} sums={io.types.map((each) => [each.name, each.seconds])} />
      <Shares label={t.io.byTask} sums={io.tasks.map((each) => [each.name, each.seconds])} to={(name) => link("tasks/one", { name })} />
    </Card>
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

function WaitsNow({ jobs }: { jobs: Schemas["WorkerJob"][] }) {
  const rows = waitingOf(jobs.map((job) => ({ job })));
  if (!rows.length) return null;
  return (
    <Card title={t.workers.waitsNow} sub={t.job.stackNote}>
      <Waits rows={rows} label={t.workers.waitsNow} />
    </Card>
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
