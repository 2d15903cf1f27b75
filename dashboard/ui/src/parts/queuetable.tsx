import { pauseQueue, resumeQueue } from "../actions";
import type { Schemas } from "../api/client";
import { count, num } from "../format";
import { link } from "../router";
import { barred } from "../session";
import { t } from "../texts";
import { Button, Empty, Pill, Since, Table, Th } from "./basics";
import { useSteady } from "./hooks";

type Queue = Schemas["QueueModel"];

export function QueueTable({ queues, refresh }: { queues: Queue[]; refresh: () => void }) {
  const [shown, holds] = useSteady(queues, (queue) => queue.name);
  if (!queues.length) {
    return (
      <Empty>
        {t.queues.none} <code>mrq run --queue default tasks.Fetch</code>
      </Empty>
    );
  }
  const head = (
    <>
      <Th>{t.queues.queue}</Th>
      <Th n>{t.overview.waiting}</Th>
      <Th n>{t.overview.running}</Th>
      <Th n>{t.queues.oldest}</Th>
      <Th n>{t.queues.limit}</Th>
      <Th n>{t.pages.workers}</Th>
      <Th>
        <span class="skip">{t.actions}</span>
      </Th>
    </>
  );
  return (
    <div {...holds}>
      <Table label={t.pages.queues} head={head}>
        {shown.map((queue) => (
          <Row key={queue.name} queue={queue} refresh={refresh} />
        ))}
      </Table>
    </div>
  );
}

function Row({ queue, refresh }: { queue: Queue; refresh: () => void }) {
  const unserved = !queue.workers && queue.waiting.jobs > 0 && !queue.paused;
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
      </td>
      <td class="n">
        <Waiting queue={queue} />
      </td>
      <td class="n">
        {queue.running ? <a href={link("jobs", { queue: queue.name, status: "started" })}>{num(queue.running)}</a> : <span class="faint">0</span>}
      </td>
      <td class="n">{queue.oldest ? <Since at={queue.oldest} /> : <span class="faint">{t.none}</span>}</td>
      <td class="n">{queue.max_concurrency ?? <span class="faint">{t.none}</span>}</td>
      <td class="n">
        <span class={unserved ? "up" : ""} title={unserved ? t.queues.unserved : undefined}>
          {queue.workers}
        </span>
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
      {queue.due ? count(queue.due) : count(queue.waiting)}
      {queue.due && <small class="below">{t.queues.of(count(queue.waiting))}</small>}
    </a>
  );
}
