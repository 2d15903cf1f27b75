// Failures in groups, and one group: an example, and its jobs.
import { FAILED } from "../actions";
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { duration, num, short } from "../format";
import { Ago, Button, Card, Clock, Empty, Loading, Broken, Table, Th } from "../parts/basics";
import { FailureTable } from "../parts/failuretable";
import { Traceback } from "../parts/traceback";
import { link } from "../router";
import { barred } from "../session";
import { t } from "../texts";
import { requeueGroup } from "./overview";

export function FailuresPage() {
  const live = useLive("/api/v1/failures", {});
  const found = live.data;
  return (
    <Card
      title={t.pages.failures}
      sub={found && (found.complete ? t.failures.all(num(found.looked_at)) : t.failures.newest(num(found.looked_at)))}
      live={live}
    >
      <FailureTable groups={found?.groups ?? []} refresh={live.refresh} />
    </Card>
  );
}

export function FailurePage({ fingerprint }: { fingerprint: string }) {
  const live = useLive("/api/v1/failures", {}, 2);
  const group = live.data?.groups.find((each) => each.fingerprint === fingerprint);
  if (!live.data) return live.error ? <div class="s12 card"><Broken live={live} /></div> : <Loading />;
  if (!group) {
    return (
      <Card label={t.pages.failures}>
        <Empty>
          {t.failures.gone} <a class="under" href={link("failures")}>{t.pages.failures}</a>
        </Empty>
      </Card>
    );
  }
  return <Group group={group} refresh={live.refresh} />;
}

function Group({ group, refresh }: { group: Schemas["FailureGroup"]; refresh: () => void }) {
  const example = useLive("/api/v1/jobs/{job_id}", { path: { job_id: group.example } }, 0);
  const filter = { task: [group.task], exceptiontype: [group.exceptiontype], status: FAILED };
  const jobs = useLive("/api/v1/jobs", { query: { ...filter, limit: 100 } }, 3);
  return (
    <>
      <div class="jh s12">
        <div class="tt">
          <div class="crumb">
            <a href={link("failures")}>{t.pages.failures}</a> / <span class="m">{group.fingerprint}</span>
          </div>
          <h2 class="m">{group.exceptiontype}</h2>
          <p class="line">
            <a class="m" href={link("tasks/one", { name: group.task })}>{group.task}</a>
            <span class="mut">
              {t.failures.times(num(group.jobs))} {t.failures.first}: <Ago at={group.first} />, {t.failures.last}: <Ago at={group.last} />
            </span>
          </p>
        </div>
        <div class="acts">
          <Button icon="requeue" kind="p" barred={barred("operator")} onClick={() => requeueGroup(group, refresh)}>
            {t.jobs.requeueAll}
          </Button>
          <a class="btn" href={link("jobs", filter)}>{t.failures.jobs}</a>
        </div>
      </div>
      <Card title={t.failures.example} span={7} live={example} tools={<a class="btn" href={link(`jobs/${group.example}`)}>{t.failures.open}</a>}>
        {example.data?.traceback ? <Traceback text={example.data.traceback} /> : <Empty>{t.trace.none}</Empty>}
      </Card>
      <Shared jobs={jobs.data?.jobs ?? []} live={jobs} />
      <Card title={t.failures.jobs} sub={t.failures.latest} live={jobs}>
        <Samples jobs={(jobs.data?.jobs ?? []).slice(0, 20)} />
      </Card>
    </>
  );
}

/** Values of params that many of the newest jobs of a group have. */
export function shares(jobs: Schemas["JobSummary"][]): { name: string; part: number }[] {
  const seen = new Map<string, number>();
  for (const job of jobs) {
    const facts = { ...(job.params as Record<string, unknown> | null), queue: job.queue, worker: job.worker };
    for (const [name, value] of Object.entries(facts)) {
      if (value === null || value === "***" || typeof value === "object") continue;
      const key = `${name} = ${short(value, 60)}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
  }
  return [...seen]
    .filter(([, times]) => times > 1 && times / jobs.length >= 0.1)
    .map(([name, times]) => ({ name, part: times / jobs.length }))
    .sort((a, b) => b.part - a.part)
    .slice(0, 8);
}

function Shared({ jobs, live }: { jobs: Schemas["JobSummary"][]; live: Parameters<typeof Broken>[0]["live"] & { data: unknown } }) {
  const found = shares(jobs);
  return (
    <Card title={t.failures.share} sub={t.failures.shareNote(num(jobs.length))} span={5} live={live}>
      {found.length ? (
        <div class="shr body">
          {found.map(({ name, part }) => (
            <>
              <span class="m cut" title={name}>{name}</span>
              <meter min={0} max={1} value={part} aria-label={name} />
              <span class="n">{Math.round(part * 100)} %</span>
            </>
          ))}
        </div>
      ) : (
        <Empty>{t.failures.shareNothing}</Empty>
      )}
    </Card>
  );
}

function Samples({ jobs }: { jobs: Schemas["JobSummary"][] }) {
  if (!jobs.length) return <Empty>{t.failures.none}</Empty>;
  return (
    <Table
      label={t.failures.jobs}
      head={
        <>
          <Th>{t.failures.id}</Th>
          <Th>{t.jobs.params}</Th>
          <Th>{t.jobs.queue}</Th>
          <Th n>{t.job.updated}</Th>
          <Th n>{t.job.ran}</Th>
        </>
      }
    >
      {jobs.map((job) => (
        <tr key={job.id}>
          <td class="m">
            <a data-row href={link(`jobs/${job.id}`)}>{job.id}</a>
          </td>
          <td class="m mut cut">{short(job.params)}</td>
          <td class="m">{job.queue}</td>
          <td class="n"><Clock at={job.updated} /></td>
          <td class="n">{duration(job.seconds)}</td>
        </tr>
      ))}
    </Table>
  );
}
