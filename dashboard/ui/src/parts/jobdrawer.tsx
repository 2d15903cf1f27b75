// A job beside the list of jobs; the address holds which.
import { cancel, mayCancel, mayRequeue, requeue } from "../actions";
import { useLive } from "../api/live";
import { LIVELY, Stack, Story, Traces, Values } from "../pages/job";
import { duration } from "../format";
import { link, place, withQuery } from "../router";
import { barred } from "../session";
import { t } from "../texts";
import { Attempts } from "./attempts";
import { Ago, Broken, Button, JobStatus, Loading } from "./basics";
import { useKeys } from "./hooks";
import { TimeSpent } from "./timespent";

/** What the address says of the drawer. */
export const DRAWER = ["job", "tab", "attempt"];
const WIDE = matchMedia("(min-width: 1101px)"); // where there is room beside the list; as in the styles

/** A first click opens the job beside the list; a second one, and any on a small screen, its page. */
export function toggleJob(event: MouseEvent, id: string): void {
  if (!WIDE.matches || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const open = place.get().query.get("job");
  if (open === id) return;
  event.preventDefault();
  withQuery({ job: id, tab: null, attempt: null }, { replace: open !== null, stay: true });
}

function close(): void {
  withQuery({ job: null, tab: null, attempt: null });
}

export function JobDrawer({ id, refresh }: { id: string; refresh: () => void }) {
  const live = useLive("/api/v1/jobs/{job_id}", { path: { job_id: id } });
  const job = live.data;
  const why = barred("operator");
  const done = () => {
    live.refresh();
    refresh();
  };
  useKeys({ Escape: close });
  return (
    <aside class="s5 column drawer" aria-label={t.job.beside}>
      <section class="card" aria-label={t.job.facts}>
        <header>
          <h2 class="m cut">{job?.task ?? id}</h2>
          <span class="sp" />
          <a class="btn" href={link(`jobs/${id}`)}>{t.job.open}</a>
          <Button icon="close" kind="q" label={t.dialog.close} onClick={close} />
        </header>
        {live.error && <Broken live={live} />}
        {!job && !live.error && <Loading />}
        {job && (
          <>
            <p class="body line">
              <JobStatus job={job} /> <span class="m mut">{job.id}</span> <Story job={job} />
            </p>
            <dl class="kv body">
              <dt>{t.jobs.queue}</dt>
              <dd><a class="under m" href={link("queues/one", { name: job.queue })}>{job.queue}</a></dd>
              <dt>{t.job.queued}</dt>
              <dd><Ago at={job.queued ?? job.created} /></dd>
              {job.seconds !== null && (
                <>
                  <dt>{t.job.ran}</dt>
                  <dd>{duration(job.seconds)}</dd>
                </>
              )}
              {job.worker && (
                <>
                  <dt>{t.job.worker}</dt>
                  <dd><a class="under m" href={link(`workers/${job.worker}`)}>{job.worker}</a></dd>
                </>
              )}
            </dl>
            <div class="body acts">
              <Button icon="requeue" barred={why ?? mayRequeue(job)} onClick={() => void requeue(job, done)}>{t.job.requeue}</Button>
              <a class="btn" href={link("tasks/one", { name: job.task, from: job.id })}>{t.job.edit}</a>
              {LIVELY.includes(job.status) && (
                <Button kind="d" barred={why ?? mayCancel(job)} onClick={() => void cancel(job, done)}>{t.job.cancel}</Button>
              )}
            </div>
          </>
        )}
      </section>
      {job && (
        <>
          {job.running && <Stack running={job.running} />}
          <Attempts job={job} />
          <Traces job={job} />
          <TimeSpent job={job} />
          <Values job={job} />
        </>
      )}
    </aside>
  );
}
