// What needs attention first, each with its action; then the figures, and a short look at everything else.
import type { ComponentChildren } from "preact";
import { MEMBERS, resumeQueue } from "../actions";
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { count, num } from "../format";
import { bulk } from "../parts/bulk";
import { Ago, Broken, Button, Card, Empty, Loading, Since } from "../parts/basics";
import { Fleet } from "../parts/fleet";
import { useSteady } from "../parts/hooks";
import { Icon, type IconName } from "../parts/icons";
import { FailureTable } from "../parts/failuretable";
import { QueueTable } from "../parts/queuetable";
import { Durations, Throughput, Totals, useCounted } from "../parts/statistics";
import { link, type Query } from "../router";
import { barred, session } from "../session";
import { t } from "../texts";
import { Next } from "./schedules";

export function OverviewPage() {
  const live = useLive("/api/v1/overview", {});
  const counted = useCounted();
  const found = live.data;
  if (!found) return live.error ? <Card label={t.pages.overview} live={live}>{null}</Card> : <Loading />;
  return (
    <>
      {live.error && (
        <div class="s12">
          <Broken live={live} />
        </div>
      )}
      <Attentions items={found.attention} groups={found.failures} refresh={live.refresh} />
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
        <QueueTable queues={found.queues.slice(0, 10)} refresh={live.refresh} />
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
      <Next span={7} />
      <Actions />
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
  groups: Schemas["FailureGroup"][];
  refresh: () => void;
}

function Attentions({ items, groups, refresh }: AttentionsProps) {
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
          {t.overview.clear}
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
  const returning = figures.returning.jobs ? t.overview.alsoReturn(count(figures.returning)) : undefined;
  return <Figure name={t.overview.waiting} value={count(figures.waiting)} unit={t.overview.jobs} note={returning} to={link("jobs", { status: "queued" })} />;
}

function Busy({ figures }: { figures: Schemas["Figures"] }) {
  const share = figures.greenlets ? Math.round((100 * figures.busy) / figures.greenlets) : 0;
  return (
    <Figure
      name={t.overview.busy}
      value={num(figures.busy)}
      unit={t.overview.of(num(figures.greenlets))}
      note={t.overview.share(share, figures.workers)}
      to={link("workers")}
    />
  );
}

function Figure(props: { name: string; value: string; unit: string; note?: string; bad?: boolean; to: string }) {
  return (
    <a class="kpi" href={props.to}>
      <span class="l">{props.name}</span>
      <span class={`v ${props.bad ? "up" : ""}`}>
        {props.value} <small>{props.unit}</small>
      </span>
      {props.note && <span class="d">{props.note}</span>}
    </a>
  );
}

/** What was done last: of all kinds, for those who may read the audit log. */
function Actions() {
  const mayRead = !barred("admin") && session.get()?.queues === null;
  return mayRead ? <LastActions /> : <LastOperations />;
}

function LastActions() {
  const live = useLive("/api/v1/audit", { query: { limit: 7 } }, 3);
  return (
    <Card title={t.overview.recent} span={5} live={live} tools={<a class="btn" href={link("audit")}>{t.all}</a>}>
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

function LastOperations() {
  const live = useLive("/api/v1/operations", { query: { limit: 6 } }, 3);
  return (
    <Card title={t.overview.actions} span={5} live={live} tools={<a class="btn" href={link("operations")}>{t.all}</a>}>
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
