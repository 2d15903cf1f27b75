// Jobs by a filter that is in the address, a page at a time by cursors, and actions on some or on all that match.
import { useEffect, useRef, useState } from "preact/hooks";
import { cancel, FAILED, mayCancel, mayRequeue, requeue } from "../actions";
import { address, type JobFilter, type Schemas } from "../api/client";
import { useLive } from "../api/live";
import { about, count, duration, num, short } from "../format";
import { bulk } from "../parts/bulk";
import { Ago, Button, Card, Empty, JobStatus, Segments, SortTh, Table, tell, Th } from "../parts/basics";
import { useKeys } from "../parts/hooks";
import { DRAWER, JobDrawer, toggleJob } from "../parts/jobdrawer";
import { Filters, FILTERS, wordsOfFilter } from "../parts/jobfilters";
import { useLast } from "../parts/statistics";
import { TakeAway } from "../parts/takeaway";
import { Views } from "../parts/views";
import { go, link, place, withQuery } from "../router";
import { barred } from "../session";
import { t } from "../texts";

type Job = Schemas["JobSummary"];
const SELECTED = 100; // as many as one action by ids may name

export function filterOf(query: URLSearchParams): JobFilter {
  const filter: Record<string, unknown> = {};
  for (const name of FILTERS) if (query.has(name)) filter[name] = query.getAll(name);
  for (const name of ["params", "since", "until"]) if (query.get(name)) filter[name] = query.get(name);
  return filter as JobFilter;
}

const GROUPS = {
  all: [],
  waiting: ["queued"],
  running: ["started"],
  success: ["success"],
  failed: FAILED,
  returning: ["retry", "interrupt"],
  off: ["cancel", "abort", "maxconcurrency"],
} as const satisfies Record<string, readonly Schemas["Status"][]>;
type Group = keyof typeof GROUPS | "own";

function groupOf(statuses: string[]): Group {
  const wanted = [...statuses].sort().join();
  const found = Object.entries(GROUPS).find(([, each]) => [...each].sort().join() === wanted);
  return (found?.[0] as Group | undefined) ?? "own";
}

type Order = Schemas["Order"];

/** Only the waiting jobs of one queue, or of all subqueues of one, have a place. */
function hasPlaces({ status, queue, ...rest }: JobFilter): boolean {
  const plain = status?.join() === "queued" && queue?.length === 1 && !queue[0]?.includes("*");
  return plain && !Object.keys(rest).length;
}

/** As the address says, where that can be. */
function orderOf(query: URLSearchParams, filter: JobFilter): Order {
  const wanted = query.get("order");
  return wanted === "oldest" || (wanted === "place" && hasPlaces(filter)) ? wanted : "newest";
}

function sortBy(order: Order): void {
  withQuery({ order: order === "newest" ? null : order, after: null }, { replace: false });
}

/** The rows stay where they are: what is new waits behind a button, what is gone is dimmed. */
function useRows(jobs: Job[] | undefined, key: string, order: Order) {
  const held = useRef<{ key: string; rows: Job[] }>({ key: "", rows: [] });
  const [, again] = useState({});
  if (jobs && (held.current.key !== key || !held.current.rows.length)) held.current = { key, rows: jobs };
  const fresh = new Map((jobs ?? []).map((job) => [job.id, job]));
  const rows = held.current.key === key ? held.current.rows.map((job) => fresh.get(job.id) ?? job) : [];
  const shown = new Set(rows.map((job) => job.id));
  const last = jobs?.at(-1)?.id ?? "";
  const isWithin = { newest: (id: string) => id > last, oldest: (id: string) => id < last, place: () => true }[order];
  return {
    rows,
    added: (jobs ?? []).filter((job) => !shown.has(job.id)).length,
    isGone: (job: Job) => jobs !== undefined && !fresh.has(job.id) && isWithin(job.id),
    take: () => {
      held.current = { key, rows: jobs ?? [] };
      again({});
    },
  };
}

export function JobsPage() {
  const { query } = place.use();
  const filter = filterOf(query);
  const after = query.get("after");
  const order = orderOf(query, filter);
  const asked = { query: { ...filter, limit: 50, after, order } } as const;
  const live = useLive("/api/v1/jobs", asked);
  const total = useLive("/api/v1/jobs/count", { query: filter }, 3);
  const anyStatus = { ...filter, status: [] };
  const counts = useLast(useLive("/api/v1/jobs/counts", { query: anyStatus }, 5), JSON.stringify(anyStatus));
  const list = useRows(live.data?.jobs, JSON.stringify(asked), order);
  const [selected, select] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => select(new Set()), [JSON.stringify(filter)]);
  const statuses = query.getAll("status");
  const words = wordsOfFilter(query);
  const open = query.get("job");
  const refresh = () => {
    live.refresh();
    total.refresh();
    select(new Set());
  };
  return (
    <>
      <section class="card s12 filters" aria-label={t.jobs.filters}>
        <Segments
          label={t.jobs.statuses}
          value={groupOf(statuses)}
          choices={(Object.keys(GROUPS) as Group[]).map((value) => ({ value, text: <Named group={value} counts={counts.data} /> }))}
          onChange={(value) => withQuery({ status: [...GROUPS[value as keyof typeof GROUPS]], after: null }, { replace: false })}
        />
        <Filters query={query} />
        <Views query={query} />
      </section>
      <Card
        title={total.data ? t.jobs.many(words ? count(total.data) : about(total.data), total.data.jobs) : t.pages.jobs}
        sub={words}
        label={t.pages.jobs}
        span={open ? 7 : 12}
        class={open ? "beside" : ""}
        live={live}
        tools={<Bulkers filter={filter} order={order} words={words} selected={selected} refresh={refresh} />}
      >
        {list.added > 0 && (
          <button class="more" type="button" onClick={list.take}>
            {t.jobs.added(list.added)}
          </button>
        )}
        {list.rows.length ? (
          <Rows rows={list.rows} isGone={list.isGone} order={order} places={hasPlaces(filter)} open={open} selected={selected} select={select} refresh={live.refresh} />
        ) : (
          live.data && <None query={query} more={live.data.next !== null} />
        )}
        <nav class="pager" aria-label={t.jobs.pager}>
          {after && (
            <button class="btn" type="button" onClick={() => withQuery({ after: null }, { replace: false })}>
              {t.jobs.first[order]}
            </button>
          )}
          {live.data?.next && (
            <button class="btn" type="button" onClick={() => withQuery({ after: live.data?.next }, { replace: false })}>
              {t.jobs.goOn[order]}
            </button>
          )}
        </nav>
      </Card>
      {open && <JobDrawer key={open} id={open} refresh={live.refresh} />}
    </>
  );
}

/** A group of statuses, and how many of its jobs fit the rest of the filter. */
function Named({ group, counts }: { group: Group; counts: Schemas["GroupCounts"] | undefined }) {
  const found = counts && group in counts ? counts[group as keyof typeof counts] : undefined;
  return (
    <>
      {t.jobs.groups[group]} {found && found.jobs > 0 && <small class="mut">{found.exact ? num(found.jobs) : `${num(found.jobs)}+`}</small>}
    </>
  );
}

interface BulkersProps {
  filter: JobFilter;
  order: Order;
  words: string;
  selected: ReadonlySet<string>;
  refresh: () => void;
}

function Bulkers({ filter, order, words, selected, refresh }: BulkersProps) {
  const some = selected.size > 0;
  const which = some ? { id: [...selected] } : filter;
  const named = some ? t.jobs.selected(selected.size) : words || t.jobs.everything;
  const why = barred("operator");
  const begin = (action: "requeue" | "cancel") => () => bulk({ action, filter: which, words: named, done: refresh });
  return (
    <>
      <TakeAway
        what={t.takeAway.jobs}
        to={(format) => address("/api/v1/jobs/export", { query: { ...filter, order, format } })}
      />
      <Button icon="requeue" barred={why} onClick={begin("requeue")}>
        {some ? t.jobs.requeueSelected(selected.size) : t.jobs.requeueAll}
      </Button>
      <Button kind="d" barred={why} onClick={begin("cancel")}>
        {some ? t.jobs.cancelSelected(selected.size) : t.jobs.cancelAll}
      </Button>
    </>
  );
}

interface RowsProps {
  rows: Job[];
  order: Order;
  places: boolean;
  /** The job that is shown beside the list. */
  open: string | null;
  isGone: (job: Job) => boolean;
  selected: ReadonlySet<string>;
  select: (ids: ReadonlySet<string>) => void;
  refresh: () => void;
}

export function current(): string | undefined {
  const row = document.activeElement?.closest("tr");
  return row?.dataset.id;
}

function Rows({ rows, order, places, open, isGone, selected, select, refresh }: RowsProps) {
  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id) && next.size < SELECTED) next.add(id);
    select(next);
  };
  const on = (what: (job: Job) => void) => () => {
    const job = rows.find((each) => each.id === current());
    if (job) what(job);
  };
  const allowed = (why: string | undefined, run: () => void) => (why ? tell(why, true) : run());
  useKeys({
    x: on((job) => toggle(job.id)),
    r: on((job) => allowed(barred("operator") ?? mayRequeue(job), () => void requeue(job, refresh))),
    c: on((job) => allowed(barred("operator") ?? mayCancel(job), () => void cancel(job, refresh))),
  });
  const all = rows.every((job) => selected.has(job.id));
  const head = (
    <>
      <th scope="col" class="tick">
        <label class="hit">
          <input
            type="checkbox"
            aria-label={t.jobs.selectAll}
            checked={all}
            onChange={() => select(all ? new Set() : new Set(rows.slice(0, SELECTED).map((job) => job.id)))}
          />
        </label>
      </th>
      <Th>{t.jobs.task}</Th>
      <Th>{t.jobs.status}</Th>
      <th scope="col" class="wide">{t.jobs.params}</th>
      {places ? (
        <SortTh sorted={order === "place" ? "ascending" : undefined} onSort={() => sortBy(order === "place" ? "newest" : "place")}>
          {t.jobs.place}
        </SortTh>
      ) : (
        <Th>{t.jobs.queue}</Th>
      )}
      <SortTh
        n
        sorted={order === "place" ? undefined : order === "newest" ? "descending" : "ascending"}
        onSort={() => sortBy(order === "newest" ? "oldest" : "newest")}
      >
        {t.jobs.created}
      </SortTh>
      <Th n>{t.jobs.ran}</Th>
    </>
  );
  return (
    <Table label={t.pages.jobs} head={head}>
      {rows.map((job) => (
        <tr key={job.id} data-id={job.id} class={`${isGone(job) ? "gone" : ""} ${job.id === open ? "open" : ""}`} title={isGone(job) ? t.jobs.gone : undefined}>
          <td class="tick">
            <label class="hit">
              <input type="checkbox" aria-label={t.jobs.select(job.id)} checked={selected.has(job.id)} onChange={() => toggle(job.id)} />
            </label>
          </td>
          <td class="ex">
            <a class="e" data-row href={link(`jobs/${job.id}`)} aria-current={job.id === open ? "true" : undefined} onClick={(event) => toggleJob(event, job.id)}>
              {job.task}
            </a>
            <span class="p m">{job.id}</span>
          </td>
          <td>
            <JobStatus job={job} />
            {job.exceptiontype && <small class="below up">{job.exceptiontype}</small>}
            {job.status === "started" && job.progress !== null && (
              <progress max={1} value={job.progress} aria-label={t.job.progress} />
            )}
          </td>
          <td class="m mut cut wide" title={short(job.params, 600)}>
            {short(job.params)}
          </td>
          <td class="m">
            <a href={link("queues/one", { name: job.queue })}>{job.queue}</a>
          </td>
          <td class="n">
            <Ago at={job.created} />
          </td>
          <td class="n">{job.seconds === null ? <span class="faint">{t.dash}</span> : duration(job.seconds)}</td>
        </tr>
      ))}
    </Table>
  );
}

/** Nothing matches: which part of the filter is to blame? */
function None({ query, more }: { query: URLSearchParams; more: boolean }) {
  const names = [...new Set(query.keys())].filter((name) => !["after", "order", ...DRAWER].includes(name));
  if (more) return <Empty>{t.jobs.noneHere}</Empty>;
  if (!names.length) {
    return (
      <Empty>
        {t.jobs.noneAtAll} <code>mrq run --queue default tasks.Fetch</code>
      </Empty>
    );
  }
  return (
    <Empty>
      <p>{t.jobs.none}</p>
      <p class="acts">
        {names.map((name) => (
          <Without key={name} query={query} name={name} />
        ))}
      </p>
    </Empty>
  );
}

function Without({ query, name }: { query: URLSearchParams; name: string }) {
  const rest = new URLSearchParams(query);
  rest.delete(name);
  rest.delete("after");
  const live = useLive("/api/v1/jobs/count", { query: filterOf(rest) }, 0);
  const text = rest.toString();
  return (
    <button class="btn" type="button" onClick={() => go(link("jobs") + (text ? `?${text}` : ""))}>
      {t.jobs.without(live.data ? count(live.data) : "…", name)}
    </button>
  );
}
