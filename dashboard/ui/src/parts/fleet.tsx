// Workers as a map: one cell is one greenlet.
import type { Schemas } from "../api/client";
import { duration } from "../format";
import { link } from "../router";
import { t } from "../texts";
import { Empty } from "./basics";
import { useNow } from "./hooks";

const MOST_CELLS = 60;
const LONG = 30_000; // milliseconds that a job has run already

export function Fleet({ workers }: { workers: Schemas["WorkerModel"][] }) {
  const now = useNow();
  if (!workers.length) return <Empty>{t.workers.none} <code>mrq worker default</code></Empty>;
  return (
    <div class="fleet">
      {workers.map((worker) => (
        <a key={worker.id} class={`wk ${worker.is_late ? "silent" : ""}`} href={link(`workers/${worker.id}`)}>
          <span class="h">
            <span class="nm">{worker.name}</span>
            <span>{worker.is_late ? duration(Math.round(worker.silent)) : `${worker.busy}/${worker.greenlets}`}</span>
          </span>
          <span class="cells" aria-hidden="true">
            {Array.from({ length: Math.min(worker.greenlets, MOST_CELLS) }, (_, index) => {
              const job = worker.jobs[index];
              const long = job?.started && now - Date.parse(job.started) > LONG;
              return <i key={index} class={long ? "l" : index < worker.busy ? "b" : ""} />;
            })}
          </span>
        </a>
      ))}
    </div>
  );
}
