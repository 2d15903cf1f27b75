import { FAILED, pauseQueue, resumeQueue } from "../actions";
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { count, duration, num } from "../format";
import { link } from "../router";
import { barred } from "../session";
import { t } from "../texts";
import { Button, Empty, Heads, Pill, Since, Table } from "./basics";
import { Spark } from "./charts";
import { useSteady } from "./hooks";
import { perSecond, useLast, useRange, useStart } from "./statistics";

type Queue = Schemas["QueueModel"];

type Rate = Schemas["FiguresModel"];

/** What was counted of each queue in the chosen time. */
function useRates(): Map<string, Rate> | undefined {
  const asked = useLive("/api/v1/statistics/totals", { query: { by: "queue", start: useStart() } }, 5);
  const live = useLast(asked, useRange());
  return live.data && new Map(live.data.figures.map((each) => [each.queue ?? "", each]));
}

function useWaited(): Map<string, (number | null)[]> {
  const live = useLive("/api/v1/statistics/backlogs", {}, 15);
  return new Map((live.data?.queues ?? []).map((each) => [each.queue, each.waiting]));
}

/** Jobs wait where nobody takes them. */
const isUnserved = (queue: Queue) => !queue.workers && queue.waiting.jobs > 0 && !queue.paused;

/** What grows first, then what nobody serves, what is paused, what fails, what is long. */
function byAttention(queues: Queue[], rates: Map<string, Rate> | undefined): Queue[] {
  const rank = (queue: Queue) =>
    [queue.grows, isUnserved(queue), queue.paused, !!rates?.get(queue.name)?.failed, true].indexOf(true);
  return [...queues].sort((a, b) => rank(a) - rank(b) || b.waiting.jobs - a.waiting.jobs || a.name.localeCompare(b.name));
}

export function QueueTable({ queues, most, refresh }: { queues: Queue[]; most?: number; refresh: () => void }) {
  const rates = useRates();
  const waited = useWaited();
  const [shown, holds] = useSteady(byAttention(queues, rates).slice(0, most), (queue) => queue.name);
  if (!queues.length) {
    return (
      <Empty>
        {t.queues.none} <code>mrq run --queue default tasks.Fetch</code>
      </Empty>
    );
  }
  const head = (
    <Heads
      of={[
        t.queues.queue, [t.overview.waiting, "n"], t.queues.lastHour, [t.overview.running, "n"],
        [t.stats.inPerSecond, "n"], [t.stats.outPerSecond, "n"], [t.stats.emptyIn, "n"], [t.queues.oldest, "n"],
        [t.stats.failedHead, "n"], [t.queues.limit, "n"], [t.pages.workers, "n"], null,
      ]}
    />
  );
  return (
    <div {...holds}>
      <Table label={t.pages.queues} head={head}>
        {shown.map((queue) => (
          <Row key={queue.name} queue={queue} rates={rates?.get(queue.name)} waited={waited.get(queue.name)} refresh={refresh} />
        ))}
      </Table>
    </div>
  );
}

/** What went in and out, and when the queue is empty if that goes on. */
function Rates({ queue, rates }: { queue: Queue; rates: Rate | undefined }) {
  const dash = <span class="faint">{t.dash}</span>;
  const arrived = rates?.arrivals_per_s;
  const gone = rates ? rates.settled / rates.seconds : undefined;
  const less = arrived === undefined || arrived === null || gone === undefined ? undefined : gone - arrived;
  const left = queue.due?.jobs ?? queue.waiting.jobs;
  return (
    <>
      <td class="n">{arrived === undefined || arrived === null ? dash : perSecond(arrived)}</td>
      <td class="n">{gone === undefined ? dash : perSecond(gone)}</td>
      <td class="n">
        {queue.paused ? (
          <span class="w">{t.queues.paused}</span>
        ) : queue.grows || (left && less !== undefined && less < -0.001) ? (
          <span class="up">{t.stats.growing}</span>
        ) : left && less !== undefined && less > 0.001 ? (
          duration(Math.round(left / less))
        ) : (
          dash
        )}
      </td>
      <td class="n">{queue.oldest ? <Since at={queue.oldest} /> : dash}</td>
      <td class="n">
        {rates?.failed ? (
          <a class="up" href={link("jobs", { queue: queue.name, status: FAILED })}>
            {num(rates.failed)}
          </a>
        ) : (
          <span class="faint">0</span>
        )}
      </td>
    </>
  );
}

interface RowProps {
  queue: Queue;
  rates: Rate | undefined;
  waited: (number | null)[] | undefined;
  refresh: () => void;
}

function Row({ queue, rates, waited, refresh }: RowProps) {
  const unserved = isUnserved(queue);
  return (
    <tr>
      <td>
        <a class="m" data-row href={link("queues/one", { name: queue.name })}>
          <b>{queue.name}</b>
        </a>{" "}
        <span class="tag">{t.queues.types[queue.type]}</span>{" "}
        {queue.paused && (
          <Pill kind="paused" icon="pause">
            <span title={queue.reason ?? undefined}>{queue.paused_by ? t.queues.pausedBy(queue.paused_by) : t.queues.paused}</span>
          </Pill>
        )}
        {unserved && (
          <Pill kind="failed" icon="failures">
            <span title={t.queues.unserved}>{t.queues.unservedShort}</span>
          </Pill>
        )}
      </td>
      <td class="n">
        <Waiting queue={queue} />
      </td>
      <td>{waited && <Spark values={waited} kind={queue.grows ? "bad" : "p95"} label={t.queues.lastHourOf(queue.name)} />}</td>
      <td class="n">
        {queue.running ? <a href={link("jobs", { queue: queue.name, status: "started" })}>{num(queue.running)}</a> : <span class="faint">0</span>}
      </td>
      <Rates queue={queue} rates={rates} />
      <td class="n">{queue.max_concurrency ?? <span class="faint">{t.dash}</span>}</td>
      <td class="n">
        <span class={unserved ? "up" : ""}>{queue.workers}</span>
      </td>
      <td class="n">
        {queue.paused ? (
          <Button icon="play" kind="q" label={t.queues.resume(queue.name)} barred={barred("operator")} onClick={() => resumeQueue(queue.name, refresh)} />
        ) : (
          <Button icon="pause" kind="q" label={t.queues.pause(queue.name)} barred={barred("operator")} onClick={() => pauseQueue(queue.name, refresh)} />
        )}
      </td>
    </tr>
  );
}

function Waiting({ queue }: { queue: Queue }) {
  const raw = queue.type !== "regular";
  const to = raw ? link("queues/one", { name: queue.name }) : link("jobs", { queue: queue.name, status: "queued" });
  if (!queue.waiting.jobs) return <span class="faint">0</span>;
  return (
    <a href={to}>
      {queue.due ? count(queue.due) : queue.lately !== null ? t.about(num(queue.lately)) : count(queue.waiting)}
      {queue.due && <small class="below">{t.queues.of(count(queue.waiting))}</small>}
    </a>
  );
}
