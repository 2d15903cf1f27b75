// Failures in groups, and one group: an example, and its jobs.
import { MEMBERS } from "../actions";
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { count, duration, num, short } from "../format";
import { Ago, Button, Card, Clock, Empty, Loading, Broken, Table, Th } from "../parts/basics";
import { FailureTable, NewTag, Trend } from "../parts/failuretable";
import { SharedParams } from "../parts/sharedparams";
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
  const live = useLive("/api/v1/failures/{fingerprint}", { path: { fingerprint } }, 2);
  if (live.error?.status === 404) {
    return (
      <Card label={t.pages.failures}>
        <Empty>
          {t.failures.gone} <a class="under" href={link("failures")}>{t.pages.failures}</a>
        </Empty>
      </Card>
    );
  }
  if (!live.data) return live.error ? <div class="s12 card"><Broken live={live} /></div> : <Loading />;
  return <Group found={live.data} refresh={live.refresh} />;
}

function Group({ found, refresh }: { found: Schemas["FailureDetails"]; refresh: () => void }) {
  const group = found.group;
  const example = useLive("/api/v1/jobs/{job_id}", { path: { job_id: group.example } }, 0);
  const filter = { fingerprint: [group.fingerprint], status: MEMBERS };
  const jobs = useLive("/api/v1/jobs", { query: { ...filter, limit: 20 } }, 3);
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
              {t.failures.times(count(group))} {t.failures.first}: <Ago at={group.first} />, {t.failures.last}: <Ago at={group.last} />
            </span>
            <NewTag group={group} />
            <Trend group={group} />
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
      <SharedParams found={found} span={5} />
      <Card title={t.failures.jobs} sub={t.failures.latest} live={jobs}>
        <Samples jobs={jobs.data?.jobs ?? []} />
      </Card>
    </>
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
