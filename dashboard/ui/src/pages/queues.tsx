// All queues, and one: what waits in it, who serves it, what leaves it next.
import { useState } from "preact/hooks";
import { emptyQueue, FAILED, limitQueue, pauseQueue, resumeQueue } from "../actions";
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { count, duration, num, short } from "../format";
import { bulk } from "../parts/bulk";
import { Ago, Broken, Button, Card, Empty, type Fact, Facts, Heads, Loading, JobStatus, Pill, Since, Table, Th } from "../parts/basics";
import { Legend, Lines } from "../parts/charts";
import { useParam } from "../parts/hooks";
import { Json } from "../parts/json";
import { QueueTable } from "../parts/queuetable";
import { Fleet } from "../parts/fleet";
import { Spread } from "../parts/spread";
import { Durations, isLong, Throughput, tickOf, useCounted, useLast, useRange, useStart } from "../parts/statistics";
import { link } from "../router";
import { barred } from "../session";
import { t } from "../texts";

export function QueuesPage() {
  const live = useLive("/api/v1/queues", {});
  const [wanted, setWanted] = useState("");
  const all = live.data?.queues ?? [];
  const shown = all.filter((queue) => queue.name.includes(wanted));
  return (
    <Card
      title={t.pages.queues}
      sub={live.data && (live.data.complete ? num(all.length) : t.over(num(all.length)))}
      live={live}
      tools={
        <input
          class="find"
          type="search"
          aria-label={t.queues.find}
          placeholder={t.queues.find}
          value={wanted}
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
      }
    >
      <QueueTable queues={shown} refresh={live.refresh} />
    </Card>
  );
}

export function QueuePage() {
  const name = useParam("name");
  const live = useLive("/api/v1/queues/detail", { query: { name } });
  const queue = live.data;
  if (!queue) return live.error ? <div class="s12 card"><Broken live={live} /></div> : <Loading />;
  const raw = queue.type !== "regular";
  return (
    <>
      <Head queue={queue} refresh={live.refresh} />
      {live.error && <div class="s12"><Broken live={live} /></div>}
      <QueueFacts queue={queue} />
      <History name={name} />
      {(queue.type === "sorted_set" || queue.type === "timed_set") && <Spread queue={queue} />}
      <Tasks name={name} />
      <Serving queue={queue} />
      <HeadOf name={name} raw={raw} />
      <div class="s5 column">
        {queue.subqueues.length > 0 && (
          <section class="card" aria-label={t.queues.subqueues}>
            <header>
              <h2>{t.queues.subqueues}</h2>
            </header>
            <dl class="kv body">
              {queue.subqueues.map((each) => (
                <>
                  <dt class="m">
                    <a href={link("queues/one", { name: each.name })}>{each.name}</a>
                  </dt>
                  <dd class="n">{count(each.size)}</dd>
                </>
              ))}
            </dl>
          </section>
        )}
        <section class="card" aria-label={t.queues.config}>
          <header>
            <h2>{t.queues.config}</h2>
          </header>
          <div class="body">
            <Json value={queue.config} />
          </div>
        </section>
      </div>
    </>
  );
}

type Detail = Schemas["QueueDetail"];

function Head({ queue, refresh }: { queue: Detail; refresh: () => void }) {
  const raw = queue.type !== "regular";
  const may = barred("operator");
  return (
    <div class="jh s12">
      <div class="tt">
        <div class="crumb">
          <a href={link("queues")}>{t.pages.queues}</a>
        </div>
        <h2 class="m">{queue.name}</h2>
        <p class="line">
          <span class="tag">{t.queues.types[queue.type]}</span>
          {queue.paused && (
            <Pill kind="paused" icon="pause">
              {queue.paused_by ? t.queues.pausedBy(queue.paused_by) : t.queues.paused}
            </Pill>
          )}
          {queue.reason && <span>“{queue.reason}”</span>}
          {!queue.workers && <span class="up">{t.queues.unserved}</span>}
        </p>
      </div>
      <div class="acts">
        {queue.paused ? (
          <Button icon="play" kind="p" barred={may} onClick={() => void resumeQueue(queue.name, refresh)}>
            {t.queue.resume}
          </Button>
        ) : (
          <Button icon="pause" barred={may} onClick={() => void pauseQueue(queue.name, refresh)}>
            {t.queue.pause}
          </Button>
        )}
        <Button barred={may ?? (queue.name.includes("/") ? t.queue.limitText : undefined)} onClick={() => void limitQueue(queue, refresh)}>
          {t.queue.limitSet}
        </Button>
        <a class="btn" href={link("jobs", { queue: queue.name })}>
          {t.queues.jobs}
        </a>
        {raw ? (
          <Button kind="d" barred={barred("admin")} onClick={() => void emptyQueue(queue.name, refresh)}>
            {t.queue.empty}
          </Button>
        ) : (
          <Button kind="d" barred={may} onClick={() => cancelWaiting(queue.name, refresh)}>
            {t.queue.cancelWaiting}
          </Button>
        )}
      </div>
    </div>
  );
}

function cancelWaiting(name: string, done: () => void): void {
  bulk({ action: "cancel", filter: { queue: [name], status: ["queued"] }, words: `queue:${name} status:queued`, done });
}

function QueueFacts({ queue }: { queue: Detail }) {
  const facts: Fact[] = [
    [t.overview.waiting, count(queue.waiting)],
    [t.queues.due, queue.due ? count(queue.due) : t.none],
    [t.overview.running, num(queue.running)],
    [t.queues.oldest, queue.oldest ? <Since at={queue.oldest} /> : t.none],
    [t.pages.workers, num(queue.workers)],
    [t.queues.limit, queue.max_concurrency ?? t.none, queue.limit_is_own ? t.queue.limitOwn : undefined],
    [t.queues.retryQueue, <a class="m" href={link("queues/one", { name: queue.retry_queue })}>{queue.retry_queue}</a>],
  ];
  return <Facts facts={facts} />;
}

function History({ name }: { name: string }) {
  const counted = useCounted({ queue: name });
  const start = useStart();
  const range = useRange();
  const asked = useLive("/api/v1/statistics/queue", isLong(range) ? null : { query: { name, start } }, 10);
  const live = useLast(asked, `${name} ${range}`);
  const points = (live.data?.points ?? []).filter((point) => point.at !== null);
  const slots = points.map((point) => ({ at: Date.parse(point.at ?? ""), figures: undefined }));
  const series = [
    { name: t.stats.waiting, kind: "p95", values: points.map((point) => point.waiting) },
    { name: t.stats.delayed, kind: "p99", values: points.map((point) => point.delayed) },
  ];
  return (
    <>
      <Throughput counted={counted} span={6} />
      {isLong(range) ? (
        <Durations counted={counted} what="wait" span={6} />
      ) : (
        <Card title={t.stats.backlog} span={6} live={live} tools={<Legend series={series} />}>
          <div class="body">
            {points.length ? (
              <Lines label={t.stats.backlog} series={series} ticks={(index) => tickOf({ slots, seconds: 60 }, index)} />
            ) : (
              <Empty>{t.stats.none}</Empty>
            )}
          </div>
        </Card>
      )}
    </>
  );
}

/** What ran of it, by task. */
function Tasks({ name }: { name: string }) {
  const asked = useLive("/api/v1/statistics/totals", { query: { by: "task", queue: name, start: useStart() } }, 10);
  const live = useLast(asked, `${name} ${useRange()}`);
  const found = live.data?.figures ?? [];
  return (
    <Card title={t.queues.tasks} span={7} live={live}>
      {found.length ? (
        <Table label={t.queues.tasks} head={<Heads of={[t.jobs.task, [t.stats.runs, "n"], [t.stats.failedHead, "n"], [t.stats.runP95, "n"]]} />}>
          {found.slice(0, 20).map((each) => (
            <tr key={each.task}>
              <td class="m cut">
                <a data-row href={link("tasks/one", { name: each.task })}>{each.task}</a>
              </td>
              <td class="n">{num(each.started)}</td>
              <td class="n">
                <a class={each.failed ? "up" : "faint"} href={link("jobs", { queue: name, task: each.task, status: FAILED })}>{num(each.failed)}</a>
              </td>
              <td class="n">{each.run ? duration(each.run.p95) : t.dash}</td>
            </tr>
          ))}
        </Table>
      ) : (
        <Empty>{t.stats.none}</Empty>
      )}
    </Card>
  );
}

/** Whether a worker serves a queue, or the subqueues of which it is one. */
function serves(worker: Schemas["WorkerModel"], queue: string): boolean {
  const root = queue.includes("/") ? `${queue.split("/")[0]}/` : queue;
  return worker.queues.some((each) => [queue, root].includes(each.replace(/_reverse$/, "")));
}

function Serving({ queue }: { queue: Detail }) {
  const live = useLive("/api/v1/workers", {}, 5);
  const workers = (live.data?.workers ?? []).filter((worker) => serves(worker, queue.name));
  return (
    <Card title={t.queues.serving} sub={t.overview.cells} span={5} live={live}>
      {workers.length ? <Fleet workers={workers} /> : <Empty>{t.queues.unserved}. <code>mrq worker {queue.name}</code></Empty>}
    </Card>
  );
}

function HeadOf({ name, raw }: { name: string; raw: boolean }) {
  const live = useLive("/api/v1/queues/head", { query: { name, limit: 20 } }, 2);
  const found = live.data;
  return (
    <Card title={t.queues.head} sub={t.queues.headNote} span={7} live={live}>
      {raw && found?.payloads.length ? (
        <ol class="payloads m">
          {found.payloads.map((each, index) => (
            <li key={index} class="cut">
              {short(each, 300)}
            </li>
          ))}
        </ol>
      ) : found?.jobs.length ? (
        <Table
          label={t.queues.head}
          head={
            <>
              <Th>{t.jobs.task}</Th>
              <Th>{t.jobs.status}</Th>
              <Th>{t.jobs.params}</Th>
              <Th n>{t.job.queued}</Th>
            </>
          }
        >
          {found.jobs.map((job) => (
            <tr key={job.id}>
              <td class="m">
                <a data-row href={link(`jobs/${job.id}`)}>
                  <b>{job.task}</b>
                </a>
              </td>
              <td>
                <JobStatus job={job} />
              </td>
              <td class="m mut cut">{short(job.params)}</td>
              <td class="n">
                <Ago at={job.queued} />
              </td>
            </tr>
          ))}
        </Table>
      ) : (
        <Empty>{t.queues.nothing}</Empty>
      )}
    </Card>
  );
}
