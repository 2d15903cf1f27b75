// What needs attention first, each with its action; then the figures, and a short look at everything else.
import type { ComponentChildren } from "preact";
import { MEMBERS, resumeQueue } from "../actions";
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { clock, count, exact, num } from "../format";
import { bulk } from "../parts/bulk";
import { Ago, Broken, Button, Card, Empty, Loading, Since } from "../parts/basics";
import { Fleet } from "../parts/fleet";
import { Spread } from "../parts/spread";
import { useSteady } from "../parts/hooks";
import { Icon, type IconName } from "../parts/icons";
import { FailureTable } from "../parts/failuretable";
import { QueueTable } from "../parts/queuetable";
import { changeOf, Durations, Throughput, Total, Totals, useCounted, useLast, useRange, useStart } from "../parts/statistics";
import { link, type Query } from "../router";
import { barred, session } from "../session";
import { t } from "../texts";
import { Next } from "./schedules";

export function OverviewPage() {
  const live = useLive("/api/v1/overview", {});
  const counted = useCounted();
  const found = live.data;
  if (!found) return live.error ? <Card label={t.pages.overview} live={live}>{null}</Card> : <Loading />;
  const [timed] = found.queues.filter((queue) => queue.type === "timed_set" && queue.waiting.jobs).sort((a, b) => b.waiting.jobs - a.waiting.jobs);
  return (
    <>
      {live.error && (
        <div class="s12">
          <Broken live={live} />
        </div>
      )}
      <Attentions items={found.attention} since={found.calm_since} groups={found.failures} refresh={live.refresh} />
      <section class="card s12 kpis six" aria-label={t.overview.figures}>
        <Totals counted={counted} />
        <Waiting figures={found.figures} />
        <Busy figures={found.figures} />
      </section>
      <Throughput counted={counted} />
      <Durations counted={counted} what="run" />
      <Card
        title={t.pages.queues}
        sub={t.overview.byAttention(found.queues.length)}
        tools={<a class="btn" href={link("queues")}>{t.overview.allQueues}</a>}
      >
        <QueueTable queues={found.queues} most={10} refresh={live.refresh} />
      </Card>
      <Card
        title={t.overview.failures}
        sub={t.overview.newest}
        span={7}
        tools={<a class="btn" href={link("failures")}>{t.overview.allFailures}</a>}
      >
        <FailureTable groups={found.failures.slice(0, 6)} refresh={live.refresh} />
      </Card>
      <Card title={t.pages.workers} sub={t.overview.cells} span={5} tools={<a class="btn" href={link("workers")}>{t.overview.allWorkers}</a>}>
        <Fleet workers={found.workers} />
      </Card>
      <Next span={timed ? 5 : 7} />
      {timed && <Spread queue={timed} span={4} title={t.overview.dueTimes(timed.name)} />}
      <Actions span={timed ? 3 : 5} />
    </>
  );
}

const ICONS: Record<string, IconName> = {
  failures: "failures",
  silent_worker: "workers",
  unserved_queue: "queues",
  growing_queue: "up",
  paused_queue: "pause",
  late_schedule: "schedules",
  no_index: "settings",
};

interface AttentionsProps {
  items: Schemas["Attention"][];
  since: string | null;
  groups: Schemas["FailureGroup"][];
  refresh: () => void;
}

function Attentions({ items, since, groups, refresh }: AttentionsProps) {
  const [shown, holds] = useSteady(items, (item) => `${item.kind} ${item.target}`);
  return (
    <section class="card s12 att" aria-label={t.overview.attention} {...holds}>
      {shown.length ? (
        <ul>
          {shown.map((item) => (
            <li key={`${item.kind} ${item.target}`}>
              <span class={item.severity === "bad" ? "up" : "w"}>
                <Icon name={ICONS[item.kind] ?? "failures"} />
              </span>
              <div>
                <b>{item.text}</b>{" "}
                {item.since && (
                  <span class="t">
                    {t.overview.since} <Since at={item.since} />
                  </span>
                )}
              </div>
              <div class="acts">{actsOf(item, groups, refresh)}</div>
            </li>
          ))}
        </ul>
      ) : (
        <p class="clear">
          <span class="good">
            <Icon name="check" />
          </span>
          {since === null ? t.overview.clear : <span title={exact(since)}>{t.overview.clearSince(clock(since, Date.now()))}</span>}
        </p>
      )}
    </section>
  );
}

function actsOf(item: Schemas["Attention"], groups: Schemas["FailureGroup"][], refresh: () => void): ComponentChildren {
  const see = (text: string, path: string, query: Query = {}) => (
    <a class="btn" href={link(path, query)}>
      {text}
    </a>
  );
  if (item.kind === "silent_worker") return see(t.overview.seeWorker, `workers/${item.target}`);
  if (item.kind === "late_schedule") return see(t.overview.seeSchedule, `schedules/${item.target}`);
  if (item.kind === "unserved_queue" || item.kind === "growing_queue") return see(t.overview.seeQueue, "queues/one", { name: item.target });
  if (item.kind === "paused_queue") {
    return (
      <>
        {see(t.overview.seeQueue, "queues/one", { name: item.target })}
        <Button barred={barred("operator")} onClick={() => resumeQueue(item.target, refresh)}>
          {t.queue.resume}
        </Button>
      </>
    );
  }
  if (item.kind === "no_index") return see(t.overview.makeIndex, "tasks/one", { name: "mrq.basetasks.indexes.EnsureIndexes" });
  if (item.kind !== "failures") return null;
  const group = groups.find((each) => each.fingerprint === item.target);
  if (!group) return see(t.overview.seeGroup, `failures/${item.target}`);
  return (
    <>
      {see(t.overview.seeGroup, `failures/${group.fingerprint}`)}
      <Button barred={barred("operator")} onClick={() => requeueGroup(group, refresh)}>
        {t.overview.requeue(count(group))}
      </Button>
    </>
  );
}

export function requeueGroup(group: Schemas["FailureGroup"], done: () => void): void {
  bulk({
    action: "requeue",
    filter: { status: MEMBERS, fingerprint: [group.fingerprint] },
    words: `${group.exceptiontype} · ${group.task}`,
    done,
  });
}

function Waiting({ figures }: { figures: Schemas["Figures"] }) {
  const { data } = useLive("/api/v1/statistics/backlogs", {}, 15);
  const all = (data?.at ?? []).map((_, look) => sum(data?.queues.map((each) => each.waiting[look] ?? null) ?? []));
  const first = all.findIndex((many) => many !== null);
  const then = all[first] ?? undefined;
  return (
    <Total
      name={t.overview.waiting}
      value={count(figures.waiting)}
      unit={t.overview.jobs}
      note={figures.returning.jobs ? t.overview.alsoReturn(count(figures.returning)) : undefined}
      change={changeOf(all.at(-1) ?? undefined, then)}
      was={then === undefined ? "" : t.overview.waitedAt(clock(data?.at[first], Date.now()), num(then))}
      kind="p95"
      values={all}
      to={link("jobs", { status: "queued" })}
    />
  );
}

function sum(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((total, value) => total + value, 0) : null;
}

function Busy({ figures }: { figures: Schemas["Figures"] }) {
  const start = useStart();
  const asked = useLive("/api/v1/statistics/fleet", session.get()?.queues === null ? { query: { start } } : null, 15);
  const live = useLast(asked, useRange());
  const share = figures.greenlets ? Math.round((100 * figures.busy) / figures.greenlets) : 0;
  return (
    <Total
      name={t.overview.busy}
      value={num(figures.busy)}
      unit={t.overview.of(num(figures.greenlets))}
      note={t.overview.share(share, figures.workers)}
      kind="p95"
      values={(live.data?.points ?? []).map((point) => point.busy)}
      to={link("workers")}
    />
  );
}

/** What was done last: of all kinds, for those who may read the audit log. */
function Actions({ span }: { span: number }) {
  const mayRead = !barred("admin") && session.get()?.queues === null;
  return mayRead ? <LastActions span={span} /> : <LastOperations span={span} />;
}

function LastActions({ span }: { span: number }) {
  const live = useLive("/api/v1/audit", { query: { limit: 7 } }, 3);
  return (
    <Card title={t.overview.recent} span={span} live={live} tools={<a class="btn" href={link("audit")}>{t.all}</a>}>
      {live.data?.entries.length ? (
        <ul class="feed">
          {live.data.entries.map((each) => (
            <li key={each.id}>
              <Ago at={each.date} />
              <span>
                <b>{each.who}</b> <span class="m">{each.what}</span> <span class="m mut">{each.target}</span>
                {each.count !== null && each.count > 1 && <> {t.jobs.many(num(each.count), each.count)}</>}
                {each.reason && <>: “{each.reason}”</>}
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <Empty>{t.audit.none}</Empty>
      )}
    </Card>
  );
}

function LastOperations({ span }: { span: number }) {
  const live = useLive("/api/v1/operations", { query: { limit: 6 } }, 3);
  return (
    <Card title={t.overview.actions} span={span} live={live} tools={<a class="btn" href={link("operations")}>{t.all}</a>}>
      {live.data?.operations.length ? (
        <ul class="feed">
          {live.data.operations.map((each) => (
            <li key={each.id}>
              <Ago at={each.started} />
              <span>
                <b>{each.who}</b> {t.bulk.did[each.action as "cancel" | "requeue"] ?? each.action} {num(each.moved)}
                {each.reason && <>: “{each.reason}”</>}
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <Empty>{t.overview.noActions}</Empty>
      )}
    </Card>
  );
}
