// One job: what happened and when, in a sentence; then its attempts, traceback, params, result and log.
import { useState } from "preact/hooks";
import { cancel, mayCancel, mayRequeue, requeue } from "../actions";
import { address, type Schemas } from "../api/client";
import { useLive } from "../api/live";
import { clock, duration, exact, short } from "../format";
import { Attempts, triesOf } from "../parts/attempts";
import { Ago, Broken, Button, Card, Copy, type Fact, Facts, Loading, JobStatus, Segments, Since } from "../parts/basics";
import { useKeys, useNow, useParam } from "../parts/hooks";
import { Json } from "../parts/json";
import { Logs } from "../parts/logs";
import { SharedWith } from "../parts/sharedparams";
import { TimeSpent } from "../parts/timespent";
import { Traceback } from "../parts/traceback";
import { link, withQuery } from "../router";
import { barred, session } from "../session";
import { t } from "../texts";

type Job = Schemas["JobDetail"];
export const LIVELY = ["queued", "started", "retry", "interrupt"];

export function JobPage({ id }: { id: string }) {
  const [settled, setSettled] = useState(false);
  const live = useLive("/api/v1/jobs/{job_id}", { path: { job_id: id } }, settled ? 5 : 0.5);
  const job = live.data;
  if (job && settled === LIVELY.includes(job.status)) setSettled(!settled);
  const why = barred("operator");
  useKeys({
    r: () => job && !(why ?? mayRequeue(job)) && void requeue(job, live.refresh),
    c: () => job && !(why ?? mayCancel(job)) && void cancel(job, live.refresh),
  });
  const traced = job && (job.traceback !== null || job.attempts.some((each) => each.traceback !== null));
  const shared = job?.fingerprint && <SharedWith fingerprint={job.fingerprint} />;
  if (!job) return live.error ? <div class="s12 card"><Broken live={live} /></div> : <Loading />;
  return (
    <>
      <Head job={job} refresh={live.refresh} />
      {live.error && <div class="s12"><Broken live={live} /></div>}
      <JobFacts job={job} />
      {job.running && <Stack running={job.running} />}
      <Attempts job={job} />
      {traced && (
        <div class="s7 column">
          <Traces job={job} />
          {shared}
          <TimeSpent job={job} />
        </div>
      )}
      <div class={traced ? "s5 column" : "s12 column two"}>
        {!traced && shared}
        <Values job={job} />
        {!traced && <TimeSpent job={job} />}
        <Related job={job} />
      </div>
      <Logs owner="/api/v1/jobs/{job_id}/logs" id={job.id} follow={LIVELY.includes(job.status)} runs={job.runs} />
    </>
  );
}

function Head({ job, refresh }: { job: Job; refresh: () => void }) {
  const why = barred("operator");
  return (
    <div class="jh s12">
      <div class="tt">
        <div class="crumb">
          <a href={link("jobs")}>{t.pages.jobs}</a> / <a class="m" href={link("jobs", { queue: job.queue })}>{job.queue}</a>
          {job.exceptiontype && (
            <>
              {" / "}
              <a class="m" href={link("jobs", { exceptiontype: job.exceptiontype })}>{job.exceptiontype}</a>
            </>
          )}
        </div>
        <h2 class="m">{job.task}</h2>
        <p class="line">
          <JobStatus job={job} /> <span class="m">{job.id}</span> <Copy text={job.id} label={t.job.copyId} />{" "}
          <Story job={job} />
        </p>
        {job.status === "started" && job.progress !== null && (
          <progress max={1} value={job.progress} aria-label={t.job.progress} />
        )}
      </div>
      <div class="acts">
        <Button icon="requeue" kind="p" barred={why ?? mayRequeue(job)} onClick={() => void requeue(job, refresh)}>
          {t.job.requeue} <kbd>r</kbd>
        </Button>
        <a class="btn" href={link("tasks/one", { name: job.task, from: job.id })}>
          {t.job.edit}
        </a>
        <Copy text={job.command} label={t.job.copyCommand} />
        <Button kind="d" barred={why ?? mayCancel(job)} onClick={() => void cancel(job, refresh)}>
          {t.job.cancel}
        </Button>
      </div>
    </div>
  );
}

/** One sentence on what happened and when. */
export function Story({ job }: { job: Job }) {
  if (job.status === "queued") {
    const later = job.due && Date.parse(job.due) > Date.now();
    return <span>{later ? <>{t.job.dueOn} <Ago at={job.due} /></> : <>{t.job.waits} <Since at={job.queued ?? job.created} /></>}{job.left_to_containers && `. ${t.job.leftToContainers}`}</span>;
  }
  if (job.status === "started") return <span>{t.job.runs} <Since at={job.started} /></span>;
  if (job.status === "retry" || job.status === "interrupt") {
    return <span>{t.job.returns} <Ago at={job.retry_at} />. {t.job.tries(job.retries)}</span>;
  }
  return (
    <span>
      {t.job.ended[job.status]} <Ago at={job.updated} />, {exact(job.updated)}. {job.retries > 0 && t.job.tries(job.retries)}
    </span>
  );
}

export function JobFacts({ job }: { job: Job }) {
  const waited = job.started && job.queued ? (Date.parse(job.started) - Date.parse(job.queued)) / 1000 : null;
  const usual = useUsual(job);
  const now = Date.now();
  const facts: Fact[] = [
    [t.jobs.queue, <a class="m" href={link("queues/one", { name: job.queue })}>{job.queue}</a>, job.raw_queue && t.job.fromRaw(job.raw_queue)],
    [t.job.worker, job.worker ? <a class="m" href={link(`workers/${job.worker}`)}>{job.worker.slice(-8)}</a> : t.none],
    [t.job.queued, clock(job.queued ?? job.created, now), <Ago at={job.queued ?? job.created} />],
    [t.job.waited, waited === null ? t.none : duration(Math.max(0, waited)), usual?.wait && t.job.usual(duration(usual.wait.p95))],
    ...cpuOf(job),
    [t.job.ran, job.status === "started" ? <Since at={job.started} /> : duration(job.seconds), usual?.run ? t.job.usual(duration(usual.run.p95)) : job.started && clock(job.started, now)],
    [t.job.retries, String(job.retries), job.losses ? t.job.losses(job.losses) : undefined],
    [t.job.updated, clock(job.updated ?? job.started ?? job.created, now), <Ago at={job.updated ?? job.started ?? job.created} />],
    [t.job.kept, job.expires ? clock(job.expires, now) : t.job.forever, job.expires && <Ago at={job.expires} />],
  ];
  return <Facts facts={facts} />;
}

/** How long jobs of this task in this queue have waited and run in the last day. */
function useUsual(job: Job): Schemas["FiguresModel"] | undefined {
  const hour = Math.floor(useNow() / 3_600_000) * 3_600_000;
  const start = new Date(hour - 24 * 3_600_000).toISOString();
  const live = useLive("/api/v1/statistics", { query: { task: job.task, queue: job.queue, start, resolution: "hour" } }, 30);
  return live.data?.whole;
}

/** Only where the worker traced it. */
function cpuOf(job: Job): Fact[] {
  const cpu = job.runs.at(-1)?.cpu;
  if (cpu === null || cpu === undefined) return [];
  const share = job.seconds ? t.job.ofRun(Math.round((100 * cpu) / job.seconds)) : undefined;
  return [[t.workers.cpu, duration(cpu), share]];
}

export function Stack({ running }: { running: Schemas["RunningNow"] }) {
  return (
    <Card title={t.job.stack} sub={t.job.stackNote}>
      <pre class="body stack" tabIndex={0}>
        {running.stack.length ? running.stack.join("\n") : t.job.noStack}
      </pre>
      {running.io && (
        <p class="body">
          {t.job.waitsFor} <b class="m">{running.io.type}</b> <span class="m">{short(running.io.data, 600)}</span>, <Since at={running.io.started ?? running.started} />
        </p>
      )}
    </Card>
  );
}

export function Traces({ job }: { job: Job }) {
  const tries = triesOf(job);
  const traces = tries.filter((each) => each.traceback);
  const wanted = useParam("attempt");
  const shown = traces.find((each) => String(each.number) === wanted) ?? traces.at(-1);
  const [raw, setRaw] = useState(false);
  if (!shown) return null;
  const text = shown.traceback ?? "";
  return (
    <Card
      title={t.trace.title}
      sub={traces.length > 1 ? t.trace.attempt(shown.number) : undefined}
      span={0}
      tools={
          <>
            {traces.length > 1 && (
              <Segments
                label={t.trace.attempts}
                value={String(shown.number)}
                choices={traces.slice(-6).map((each) => ({ value: String(each.number), text: each.number }))}
                onChange={(value) => withQuery({ attempt: value })}
              />
            )}
            <Segments
              label={t.trace.form}
              value={raw ? "raw" : "own"}
              choices={[{ value: "own", text: t.trace.own }, { value: "raw", text: t.trace.raw }]}
              onChange={(value) => setRaw(value === "raw")}
            />
            <Copy text={text} label={t.trace.copy} />
          </>
      }
    >
      {raw ? (
        <pre class="body" tabIndex={0}>{text}</pre>
      ) : (
        <>
          <Traceback key={shown.number} text={text} />
          {shown.original && (
            <details class="body">
              <summary>{t.trace.original}</summary>
              <Traceback text={shown.original} />
            </details>
          )}
        </>
      )}
      {job.exceptiontype && (
        <p class="body mut">
          <a class="under" href={link("jobs", job.fingerprint ? { fingerprint: job.fingerprint } : { task: job.task, exceptiontype: job.exceptiontype })}>{t.trace.others}</a>
        </p>
      )}
    </Card>
  );
}

type Tab = "params" | "result" | "raw";

export function Values({ job }: { job: Job }) {
  const tab = (useParam("tab") || "params") as Tab;
  const value = tab === "result" ? job.result : tab === "raw" ? job : job.params;
  const tabs: Tab[] = ["params", "result", "raw"];
  return (
    <section class="card" aria-label={t.job.values}>
      <header>
        <div class="tabs" role="tablist" aria-label={t.job.values}>
          {tabs.map((each) => (
            <button
              key={each}
              type="button"
              role="tab"
              id={`tab-${each}`}
              aria-controls="values"
              aria-selected={each === tab}
              onClick={() => withQuery({ tab: each })}
            >
              {t.job.tabs[each]}
            </button>
          ))}
        </div>
        <span class="sp" />
        <Copy text={JSON.stringify(value, null, 2)} label={t.job.copyJson} />
      </header>
      <div class="body scroll" id="values" role="tabpanel" aria-labelledby={`tab-${tab}`} tabIndex={0}>
        {tab === "result" && job.status !== "success" ? <span class="mut">{t.job.noResult}</span> : <Json value={value} />}
      </div>
    </section>
  );
}

function Related({ job }: { job: Job }) {
  const params = JSON.stringify(job.params);
  return (
    <section class="card" aria-label={t.job.related}>
      <header>
        <h2>{t.job.related}</h2>
      </header>
      <dl class="kv body">
        <dt>{t.jobs.task}</dt>
        <dd>
          <a class="under" href={link("jobs", { task: job.task })}>{t.job.sameTask}</a>
        </dd>
        <dt>{t.jobs.params}</dt>
        <dd>
          {params.length < 1000 && !params.includes('"***"') ? (
            <a class="under" href={link("jobs", { task: job.task, params })}>{t.job.sameParams}</a>
          ) : (
            t.none
          )}
        </dd>
        {job.worker && (
          <>
            <dt>{t.job.worker}</dt>
            <dd>
              <a class="under" href={link("jobs", { worker: job.worker })}>{t.job.sameWorker}</a>
            </dd>
          </>
        )}
        {job.parent && (
          <>
            <dt>{t.job.parent}</dt>
            <dd>
              <a class="under m" href={link(`jobs/${job.parent}`)}>{job.parent}</a>
            </dd>
          </>
        )}
        <Queued id={job.id} />
        {!barred("admin") && session.get()?.queues === null && (
          <>
            <dt>{t.job.history}</dt>
            <dd>
              <a class="under" href={link("audit", { target: job.id })}>{t.job.doneToIt}</a>
            </dd>
          </>
        )}
        <dt>{t.job.command}</dt>
        <dd class="m">
          {job.command} <Copy text={job.command} label={t.job.copyCommand} />
        </dd>
        <dt>{t.job.copy}</dt>
        <dd>
          curl <Copy text={curlOf(job)} label={t.job.copyCurl} /> {t.job.link} <Copy text={location.href} label={t.job.copyLink} />
        </dd>
      </dl>
    </section>
  );
}

/** Queues the same again, through the API. */
function curlOf(job: Job): string {
  const body = JSON.stringify({ task: job.task, params: job.params, queue: job.queue }).replaceAll("'", "'\\''");
  const url = new URL(address("/api/v1/jobs"), location.href);
  return `curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d '${body}' ${url.href}`;
}

/** Jobs that it has queued itself. */
function Queued({ id }: { id: string }) {
  const live = useLive("/api/v1/jobs/{job_id}/children", { path: { job_id: id } }, 5);
  const found = live.data;
  if (!found?.jobs.length) return null;
  return (
    <>
      <dt>{t.job.children}</dt>
      <dd>
        <ul class="plain">
          {found.jobs.map((job) => (
            <li key={job.id}>
              <JobStatus job={job} /> <a class="m" href={link(`jobs/${job.id}`)}>{job.task}</a>
            </li>
          ))}
          {found.more && <li class="mut">{t.job.moreChildren}</li>}
        </ul>
      </dd>
    </>
  );
}
