// Tasks, and one: what it says of itself, what is set for it, and a form that queues a job of it.
import { useEffect, useState } from "preact/hooks";
import { get, type Schemas } from "../api/client";
import { useLive } from "../api/live";
import { bytes, duration, num } from "../format";
import { Broken, Card, Empty, Loading, Table, Th } from "../parts/basics";
import { EnqueueForm } from "../parts/enqueueform";
import { useParam, useSteady } from "../parts/hooks";
import { Json } from "../parts/json";
import { Durations, Throughput, useCounted, useLast, useStart } from "../parts/statistics";
import { link } from "../router";
import { t } from "../texts";

type Task = Schemas["TaskModel"];

export function TasksPage() {
  const live = useLive("/api/v1/tasks", {}, 5);
  const totals = useLive("/api/v1/statistics/totals", { query: { by: "task", start: useStart() } }, 5);
  const counted = useLast(totals, "").data?.figures;
  const [wanted, setWanted] = useState("");
  const all = live.data?.tasks ?? [];
  const shown = all.filter((task) => task.name.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <Card
      title={t.pages.tasks}
      sub={live.data && num(all.length)}
      live={live}
      tools={
        <input
          class="find"
          type="search"
          aria-label={t.task.find}
          placeholder={t.task.find}
          value={wanted}
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
      }
    >
      {shown.length ? (
        <List tasks={shown} figures={counted} />
      ) : (
        <Empty>{all.length ? t.task.noMatch : t.task.none}</Empty>
      )}
    </Card>
  );
}

/** Those that fail most first, then the slowest. */
function List({ tasks, figures }: { tasks: Task[]; figures: Schemas["FiguresModel"][] | undefined }) {
  const byTask = new Map((figures ?? []).map((each) => [each.task, each]));
  const failed = (task: Task) => byTask.get(task.name)?.failed ?? 0;
  const slow = (task: Task) => byTask.get(task.name)?.run?.p95 ?? 0;
  const sorted = [...tasks].sort((a, b) => failed(b) - failed(a) || slow(b) - slow(a));
  const measured = (figures ?? []).some((each) => each.growth !== null);
  const [steady, holds] = useSteady(sorted, (task) => task.name);
  return (
    <div {...holds}>
      <Table
        label={t.pages.tasks}
        head={
          <>
            <Th>{t.jobs.task}</Th>
            <Th>{t.jobs.queue}</Th>
            <Th n>{t.stats.runs}</Th>
            <Th n>{t.stats.failedHead}</Th>
            <Th n>{t.stats.runP95}</Th>
            {measured && <Th n>{t.task.growth}</Th>}
            <Th>{t.task.known}</Th>
            <Th>
              <span class="skip">{t.actions}</span>
            </Th>
          </>
        }
      >
        {steady.map((task) => (
          <tr key={task.name}>
            <td class="m">
              <a data-row href={link("tasks/one", { name: task.name })}>
                <b>{task.name}</b>
              </a>
            </td>
            <td class="m">
              <a href={link("queues/one", { name: task.queue })}>{task.queue}</a>
            </td>
            <Ran figures={byTask.get(task.name)} measured={measured} />
            <td class="mut">{task.sources.join(", ")}</td>
            <td class="n">
              <a class="btn q" href={link("jobs", { task: task.name })}>
                {t.pages.jobs}
              </a>
            </td>
          </tr>
        ))}
      </Table>
    </div>
  );
}

function Ran({ figures, measured }: { figures: Schemas["FiguresModel"] | undefined; measured: boolean }) {
  const grown = figures?.growth ?? null;
  return (
    <>
      <td class="n">{num(figures?.started ?? 0)}</td>
      <td class={`n ${figures?.failed ? "up" : "faint"}`}>{num(figures?.failed ?? 0)}</td>
      <td class="n">{figures?.run ? duration(figures.run.p95) : <span class="faint">{t.dash}</span>}</td>
      {measured && <td class="n">{grown === null ? <span class="faint">{t.dash}</span> : bytes(grown)}</td>}
    </>
  );
}

export function TaskPage() {
  const name = useParam("name");
  const from = useParam("from");
  const live = useLive("/api/v1/tasks/detail", { query: { name } }, 0);
  const counted = useCounted({ task: name });
  const [job, setJob] = useState<Schemas["JobDetail"] | null | undefined>(from ? undefined : null);
  useEffect(() => {
    if (from) get("/api/v1/jobs/{job_id}", { path: { job_id: from } }).then(setJob, () => setJob(null));
  }, [from]);
  const task = live.data;
  if (!task || job === undefined) return live.error ? <div class="s12 card"><Broken live={live} /></div> : <Loading />;
  return (
    <>
      <div class="jh s12">
        <div class="tt">
          <div class="crumb">
            <a href={link("tasks")}>{t.pages.tasks}</a>
          </div>
          <h2 class="m">{task.name}</h2>
          <p class="line mut">
            <a class="m" href={link("queues/one", { name: task.queue })}>{task.queue}</a> {task.sources.join(", ")}
          </p>
        </div>
        <div class="acts">
          <a class="btn" href={link("jobs", { task: task.name })}>{t.job.sameTask}</a>
          <a class="btn" href={link("jobs", { task: task.name, status: ["failed", "timeout", "maxretries"] })}>{t.task.failed}</a>
        </div>
      </div>
      <Throughput counted={counted} span={6} />
      <Durations counted={counted} what="run" span={6} />
      <Card title={t.task.enqueue} sub={job ? t.task.like(job.id) : undefined} span={7}>
        <EnqueueForm key={from} task={task} like={job} />
      </Card>
      <div class="s5 column">
        <section class="card" aria-label={t.task.about}>
          <header>
            <h2>{t.task.about}</h2>
          </header>
          <pre class="body wrap">{task.description ?? t.task.noText}</pre>
        </section>
        <section class="card" aria-label={t.task.options}>
          <header>
            <h2>{t.task.options}</h2>
          </header>
          <div class="body">
            <Json value={task.options} />
          </div>
        </section>
      </div>
    </>
  );
}
