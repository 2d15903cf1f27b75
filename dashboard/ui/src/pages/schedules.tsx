// Schedules: late ones first, then by their next time; one with its last runs.
import { backfill, pauseSchedule, runSchedule } from "../actions";
import { remove, type Schemas } from "../api/client";
import { useLive } from "../api/live";
import { duration, hour, num } from "../format";
import { act, Ago, Broken, Button, Card, Clock, type Column, Empty, Heads, Loading, Pill, Status, Table } from "../parts/basics";
import { Bars } from "../parts/charts";
import { ask } from "../parts/dialog";
import { useSteady } from "../parts/hooks";
import { Json } from "../parts/json";
import { ScheduleForm } from "../parts/scheduleform";
import { useState } from "preact/hooks";
import { go, link } from "../router";
import { barred } from "../session";
import { t } from "../texts";

type Schedule = Schemas["ScheduleModel"];
type Row = Schemas["ScheduleRow"];

export function whenOf(schedule: Schedule): string {
  if (schedule.cron) return `${schedule.cron} ${schedule.timezone}`;
  if (schedule.at) return t.schedule.once;
  if (schedule.dailytime) {
    const time = schedule.dailytime.slice(0, 5);
    if (schedule.weekday !== null) return t.schedule.weekly(t.weekdays[schedule.weekday] ?? "", time);
    return schedule.monthday !== null ? t.schedule.monthly(schedule.monthday, time) : t.schedule.daily(time);
  }
  return schedule.interval === null ? t.none : t.schedule.every(duration(schedule.interval));
}

function sorted(schedules: Row[]): Row[] {
  const rank = (each: Schedule) => (each.is_late ? 0 : each.paused ? 2 : 1);
  return [...schedules].sort((a, b) => rank(a) - rank(b) || (a.next ?? "~").localeCompare(b.next ?? "~"));
}

export function SchedulesPage() {
  const live = useLive("/api/v1/schedules", { query: { limit: 200 } }, 2);
  const [adding, add] = useState(false);
  return (
    <>
      <Card
        title={t.pages.schedules}
        sub={live.data && String(live.data.schedules.length)}
        live={live}
        tools={
          <Button icon="plus" barred={barred("admin")} onClick={() => add(true)}>
            {t.schedule.add}
          </Button>
        }
      >
        <List schedules={sorted(live.data?.schedules ?? [])} refresh={live.refresh} />
      </Card>
      <Ahead />
      {adding && <ScheduleForm close={() => add(false)} saved={live.refresh} />}
    </>
  );
}

/** The next few, for the overview. */
export function Next({ span }: { span: number }) {
  const live = useLive("/api/v1/schedules", { query: { limit: 200 } }, 5);
  return (
    <Card title={t.overview.next} span={span} live={live} tools={<a class="btn" href={link("schedules")}>{t.all}</a>}>
      <List schedules={sorted(live.data?.schedules ?? []).slice(0, 5)} refresh={live.refresh} brief />
    </Card>
  );
}

const SLOTS = 96; // of a quarter of an hour

/** The next 24 hours, a bar a quarter of an hour. */
function Ahead() {
  const live = useLive("/api/v1/schedules/upcoming", {}, 30);
  const start = Date.parse(live.data?.start ?? "");
  const values = Array.from({ length: SLOTS }, () => 0);
  for (const run of live.data?.runs ?? []) {
    const slot = Math.floor((Date.parse(run.at) - start) / 900_000);
    if (slot >= 0 && slot < SLOTS) values[slot] = (values[slot] ?? 0) + 1;
  }
  const often = live.data?.often ?? 0;
  return (
    <Card title={t.schedule.ahead} sub={often ? t.schedule.often(often) : undefined} live={live}>
      <div class="body">
        {live.data?.runs.length ? (
          <Bars
            label={t.schedule.ahead}
            height={110}
            ticks={(index) => hour(start + index * 900_000)}
            unit={(value) => (Number.isInteger(value) ? String(value) : "")}
            series={[{ name: t.schedule.aheadJobs, kind: "p95", values }]}
          />
        ) : (
          <Empty>{t.schedule.nothingAhead}</Empty>
        )}
      </div>
    </Card>
  );
}

function State({ schedule }: { schedule: Schedule }) {
  if (schedule.paused) return <Pill kind="paused" icon="pause">{t.queues.paused}</Pill>;
  if (schedule.is_late) return <Pill kind="failed" icon="failures">{t.schedule.late}</Pill>;
  return <Clock at={schedule.next} />;
}

const LAST: Column[] = [t.jobs.status, [t.job.ran, "n"], [t.schedule.drift, "n"], [t.schedule.gaps, "n"]];

function Outcome({ run }: { run: Schemas["ScheduleRun"] | null }) {
  if (run?.status) return <Status status={run.status} />;
  return <span class="faint">{run ? t.schedule.expired : t.dash}</span>;
}

/** How the last run ended, how long it took, how late it began, and how many times have none. */
function LastRun({ schedule: { last_run: run, gaps } }: { schedule: Row }) {
  const dash = <span class="faint">{t.dash}</span>;
  return (
    <>
      <td><Outcome run={run} /></td>
      <td class="n">{run?.seconds == null ? dash : duration(run.seconds)}</td>
      <td class="n">{run?.drift == null ? dash : duration(run.drift)}</td>
      <td class="n">{gaps ? <span class="w" title={t.schedule.gapsNote}>{num(gaps)}</span> : <span class="faint">0</span>}</td>
    </>
  );
}

function List({ schedules, refresh, brief }: { schedules: Row[]; refresh: () => void; brief?: boolean }) {
  const [shown, holds] = useSteady(schedules, (schedule) => schedule.id);
  if (!schedules.length) return <Empty>{t.schedule.none} <code>SCHEDULER_TASKS</code></Empty>;
  const head = <Heads of={[t.schedule.next, t.jobs.task, ...(brief ? [t.schedule.lastRun] : [t.jobs.queue, t.schedule.last, ...LAST]), null]} />;
  return (
    <div {...holds}>
      <Table label={t.pages.schedules} head={head}>
        {shown.map((schedule) => (
          <tr key={schedule.id}>
            <td>
              <State schedule={schedule} />
            </td>
            <td class="ex">
              <a class="e" data-row href={link(`schedules/${schedule.id}`)}>
                {schedule.name ?? schedule.task}
              </a>
              <span class="p">
                {schedule.name && <span class="m">{schedule.task} </span>}
                {whenOf(schedule)}
              </span>
            </td>
            {!brief && <td class="m">{schedule.queue}</td>}
            <td>
              {brief && schedule.last_run && <Outcome run={schedule.last_run} />}
              {schedule.last_job ? (
                <a class={brief ? "below" : ""} href={link(`jobs/${schedule.last_job}`)}>
                  <Ago at={schedule.last_queued} />
                </a>
              ) : (
                <span class="faint">{t.none}</span>
              )}
            </td>
            {!brief && <LastRun schedule={schedule} />}
            <td class="n">
              <Button icon="play" kind="q" label={t.schedule.runOne(schedule.name ?? schedule.task)} barred={barred("operator")} onClick={() => void runSchedule(schedule, refresh)} />
              {!brief && (
                <Button
                  icon={schedule.paused ? "requeue" : "pause"}
                  kind="q"
                  label={schedule.paused ? t.schedule.resumeOne(schedule.name ?? schedule.task) : t.schedule.pauseOne(schedule.name ?? schedule.task)}
                  barred={barred("operator")}
                  onClick={() => void pauseSchedule(schedule, refresh)}
                />
              )}
            </td>
          </tr>
        ))}
      </Table>
    </div>
  );
}

export function SchedulePage({ id }: { id: string }) {
  const live = useLive("/api/v1/schedules/{schedule_id}", { path: { schedule_id: id } });
  const [editing, edit] = useState(false);
  const schedule = live.data;
  if (!schedule) return live.error ? <div class="s12 card"><Broken live={live} /></div> : <Loading />;
  const fixed = schedule.from_config ? t.schedule.fromConfig : barred("admin");
  const drop = async () => {
    const asked = { title: t.schedule.removeTitle, text: schedule.name ?? schedule.task, confirm: t.schedule.remove, danger: true, reason: false };
    if ((await ask(asked)) === null) return;
    const gone = await act(() => remove("/api/v1/schedules/{schedule_id}", { path: { schedule_id: id } }), t.schedule.removed);
    if (gone) go(link("schedules"));
  };
  return (
    <>
      <div class="jh s12">
        <div class="tt">
          <div class="crumb">
            <a href={link("schedules")}>{t.pages.schedules}</a>
          </div>
          <h2 class="m">{schedule.name ?? schedule.task}</h2>
          <p class="line">
            <State schedule={schedule} /> {whenOf(schedule)} {schedule.from_config && <span class="tag">SCHEDULER_TASKS</span>}
          </p>
        </div>
        <div class="acts">
          <Button icon="play" kind="p" barred={barred("operator")} onClick={() => void runSchedule(schedule, live.refresh)}>
            {t.schedule.run}
          </Button>
          <Button barred={barred("operator")} onClick={() => void pauseSchedule(schedule, live.refresh)}>
            {schedule.paused ? t.queue.resume : t.schedule.pause}
          </Button>
          <Button barred={barred("operator")} onClick={() => void backfill(schedule, live.refresh)}>
            {t.schedule.backfill}
          </Button>
          <Button icon="edit" barred={fixed} onClick={() => edit(true)}>
            {t.schedule.edit}
          </Button>
          <Button kind="d" barred={fixed} onClick={() => void drop()}>
            {t.schedule.remove}
          </Button>
        </div>
      </div>
      <Runs runs={schedule.runs} live={live} />
      <About schedule={schedule} />
      {editing && <ScheduleForm schedule={schedule} close={() => edit(false)} saved={live.refresh} />}
    </>
  );
}

function About({ schedule }: { schedule: Schedule }) {
  return (
    <Card title={t.schedule.about} span={5}>
      <dl class="kv body">
        <dt>{t.jobs.task}</dt>
        <dd class="m">
          <a class="under" href={link("tasks/one", { name: schedule.task })}>{schedule.task}</a>
        </dd>
        <dt>{t.jobs.queue}</dt>
        <dd class="m">{schedule.queue}</dd>
        <dt>{t.schedule.jitter}</dt>
        <dd>{duration(schedule.jitter)}</dd>
        <dt>{t.schedule.missed}</dt>
        <dd>{schedule.missed}</dd>
        <dt>{t.schedule.overlap}</dt>
        <dd>{schedule.overlap}</dd>
        <dt>{t.schedule.start}</dt>
        <dd><Clock at={schedule.start} /></dd>
        <dt>{t.schedule.end}</dt>
        <dd><Clock at={schedule.end} /></dd>
        <dt>{t.jobs.params}</dt>
        <dd><Json value={schedule.params} /></dd>
      </dl>
    </Card>
  );
}

function Runs({ runs, live }: { runs: Schemas["ScheduleRun"][]; live: Parameters<typeof Broken>[0]["live"] & { data: unknown } }) {
  const head = <Heads of={[t.schedule.due, t.jobs.status, [t.schedule.drift, "n"], [t.job.ran, "n"]]} />;
  return (
    <Card title={t.schedule.runs} span={7} live={live}>
      {runs.length ? (
        <Table label={t.schedule.runs} head={head}>
          {runs.map((run) => (
            <tr key={run.job}>
              <td>
                <a data-row href={link(`jobs/${run.job}`)}>
                  <Clock at={run.due} />
                </a>
              </td>
              <td><Outcome run={run} /></td>
              <td class="n">{duration(run.drift)}</td>
              <td class="n">{duration(run.seconds)}</td>
            </tr>
          ))}
        </Table>
      ) : (
        <Empty>{t.schedule.noRuns}</Empty>
      )}
    </Card>
  );
}
