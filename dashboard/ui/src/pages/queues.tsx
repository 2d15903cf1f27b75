// All queues, and one: what waits in it, who serves it, what leaves it next.
import { useState } from "preact/hooks";
import { emptyQueue, limitQueue, pauseQueue, resumeQueue } from "../actions";
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { clock, count, num, short } from "../format";
import { bulk } from "../parts/bulk";
import { Ago, Broken, Button, Card, Empty, type Fact, Facts, Loading, Pill, Since, Status, Table, Th } from "../parts/basics";
import { Bars, Legend, Lines } from "../parts/charts";
import { useParam } from "../parts/hooks";
import { Json } from "../parts/json";
import { QueueTable } from "../parts/queuetable";
import { Durations, isLong, Throughput, tickOf, useCounted, useLast, useRange, useStart } from "../parts/statistics";
import { link } from "../router";
import { barred } from "../session";
import { t } from "../texts";

export function QueuesPage() {
  const live = useLive("/api/v1/queues", {});
  const [wanted, setWanted] = useState("");
  const all = [...(live.data?.queues ?? [])].sort(
    (a, b) => Number(b.paused) - Number(a.paused) || b.waiting.jobs - a.waiting.jobs || a.name.localeCompare(b.name),
  );
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
    { name: t.stats.delayed, kind: "p50", values: points.map((point) => point.delayed) },
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

function Spread({ queue }: { queue: Detail }) {
  const live = useLive("/api/v1/queues/distribution", { query: { name: queue.name, slices: 48 } }, 2);
  const slices = live.data?.slices ?? [];
  const now = Date.now() / 1000;
  const timed = queue.type === "timed_set";
  const due = slices.map((slice) => (timed && slice.end !== null && slice.end <= now ? slice.jobs : 0));
  const rest = slices.map((slice, index) => slice.jobs - (due[index] ?? 0));
  const name = (index: number) => {
    const start = slices[index]?.start;
    if (start === null || start === undefined) return "-∞";
    return timed ? clock(new Date(start * 1000).toISOString(), Date.now()) : String(Math.round(start * 100) / 100);
  };
  return (
    <Card title={timed ? t.queues.dueTimes : t.queues.scores} live={live}>
      <div class="body">
        <Bars
          label={t.queues.spread(queue.name)}
          ticks={name}
          height={160}
          series={[
            { name: t.queues.due, kind: "retry", values: due },
            { name: timed ? t.queues.later : t.queues.score, kind: "p50", values: rest },
          ]}
        />
      </div>
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
                <Status status={job.status} />
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
