// The small parts that every page is put together from.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Status as StatusName } from "../api/client";
import type { Live } from "../api/live";
import { ago, clock, exact, span } from "../format";
import { wordsOf } from "../session";
import { store } from "../store";
import { t } from "../texts";
import { Icon, type IconName } from "./icons";
import { useNow } from "./hooks";

const KINDS: Record<StatusName, [string, IconName]> = {
  queued: ["queued", "ring"],
  started: ["started", "play"],
  success: ["success", "check"],
  failed: ["failed", "close"],
  timeout: ["failed", "close"],
  maxretries: ["failed", "close"],
  maxconcurrency: ["retry", "pause"],
  retry: ["retry", "requeue"],
  interrupt: ["queued", "crossed"],
  abort: ["queued", "crossed"],
  cancel: ["queued", "crossed"],
};

/** Icon, word and colour: never colour alone. */
export function Status({ status }: { status: StatusName | string }) {
  const [kind, icon] = KINDS[status as StatusName] ?? ["queued", "ring"];
  return (
    <span class={`st ${kind}`}>
      <Icon name={icon} />
      {t.statuses[status as StatusName] ?? status}
    </span>
  );
}

/** One that waits for its time is delayed: that is no status of its own. */
export function JobStatus({ job }: { job: { status: StatusName; due: string | null } }) {
  const now = useNow();
  if (job.status !== "queued" || !job.due || Date.parse(job.due) <= now) return <Status status={job.status} />;
  return (
    <Pill kind="delayed" icon="clock">
      <span title={exact(job.due)}>{t.stats.delayed}</span>
    </Pill>
  );
}

export function Pill({ kind, icon, children }: { kind: string; icon: IconName; children: ComponentChildren }) {
  return (
    <span class={`st ${kind}`}>
      <Icon name={icon} />
      {children}
    </span>
  );
}

/** Relative; the exact time is in the tooltip. */
export function Ago({ at }: { at: string | null | undefined }) {
  const now = useNow();
  if (!at) return <span class="faint">{t.none}</span>;
  return (
    <time dateTime={at} title={exact(at)}>
      {ago(at, now)}
    </time>
  );
}

/** The time of day; relative in the tooltip. */
export function Clock({ at }: { at: string | null | undefined }) {
  const now = useNow();
  if (!at) return <span class="faint">{t.none}</span>;
  return (
    <time dateTime={at} title={`${exact(at)}, ${ago(at, now)}`}>
      {clock(at, now)}
    </time>
  );
}

/** How long ago something began, as a duration that grows. */
export function Since({ at }: { at: string | null | undefined }) {
  const now = useNow();
  if (!at) return <span class="faint">{t.none}</span>;
  return <span title={exact(at)}>{span((now - Date.parse(at)) / 1000)}</span>;
}

export function Copy({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      setTimeout(() => setDone(false), 1500);
      tell(t.copied);
    } catch {
      tell(t.notCopied, true);
    }
  };
  return (
    <button class="btn q" type="button" onClick={copy} aria-label={label} title={label}>
      <Icon name={done ? "check" : "copy"} />
    </button>
  );
}

interface CardProps {
  title?: ComponentChildren;
  sub?: ComponentChildren;
  tools?: ComponentChildren;
  span?: number;
  label?: string;
  class?: string;
  live?: Pick<Live<unknown>, "error" | "at" | "data" | "refresh">;
  children: ComponentChildren;
}

/** A panel. If its data can't be had it says so itself, shows the old ones dimmed, and offers to try again. */
export function Card({ title, sub, tools, span = 12, label, live, children, class: more = "" }: CardProps) {
  return (
    <section class={`card s${span} ${more}`} aria-label={label ?? (typeof title === "string" ? title : undefined)}>
      {title !== undefined && (
        <header>
          <h2>{title}</h2>
          {sub !== undefined && <span class="sub">{sub}</span>}
          <span class="sp" />
          {tools}
        </header>
      )}
      {live?.error && <Broken live={live} />}
      {live && live.data === undefined ? (
        !live.error && <Loading />
      ) : (
        <div class={live?.error ? "stale" : ""}>{children}</div>
      )}
    </section>
  );
}

export function Broken({ live }: { live: Pick<Live<unknown>, "error" | "at" | "refresh"> }) {
  if (!live.error) return null;
  return (
    <p class="broken" role="alert">
      <Icon name="failures" />
      <span>
        {wordsOf(live.error)} {live.at !== undefined && t.live.dataFrom(clock(new Date(live.at).toISOString(), Date.now()))}
      </span>
      <button class="btn" type="button" onClick={live.refresh}>
        {t.live.again}
      </button>
    </p>
  );
}

/** A name, its value, and what else is to be said of it. */
export type Fact = [string, ComponentChildren, ComponentChildren?];

/** The figures at the head of a page. */
export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <section class="card s12" aria-label={t.job.facts}>
      <dl class="facts">
        {facts.map(([name, value, note]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {value}
              {note && <small>{note}</small>}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function Loading() {
  return <p class="empty" aria-busy="true">{t.loading}</p>;
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <div class="empty">{children}</div>;
}

interface ButtonProps {
  children?: ComponentChildren;
  icon?: IconName;
  label?: string;
  kind?: string;
  /** Why it can't be used; it stays visible. */
  barred?: string | undefined;
  onClick: () => void;
}

/** A button that, if it may not be used, stays where it is and says why. */
export function Button({ children, icon, label, kind = "", barred, onClick }: ButtonProps) {
  return (
    <button
      type="button"
      class={`btn ${kind}`}
      aria-label={label}
      title={barred ?? label}
      aria-disabled={barred ? "true" : undefined}
      onClick={() => (barred ? tell(barred, true) : onClick())}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

export interface Choice<T extends string> {
  value: T;
  text: ComponentChildren;
}

export function Segments<T extends string>(props: {
  label: string;
  value: T;
  choices: Choice<T>[];
  onChange: (value: T) => void;
}) {
  return (
    <div class="seg" role="group" aria-label={props.label}>
      {props.choices.map((each) => (
        <button
          type="button"
          key={each.value}
          aria-pressed={each.value === props.value}
          onClick={() => props.onChange(each.value)}
        >
          {each.text}
        </button>
      ))}
    </div>
  );
}

/** A table that scrolls by itself on a small screen, and can be scrolled with the keys. */
export function Table({ label, head, children }: { label: string; head: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class="tw" tabIndex={0} role="group" aria-label={label}>
      <table>
        <thead>
          <tr>{head}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export function Th({ children, n }: { children?: ComponentChildren; n?: boolean }) {
  return (
    <th scope="col" class={n ? "n" : ""}>
      {children}
    </th>
  );
}

/** The head of a column by which the list is sorted, or can be. */
export function SortTh({ children, n, sorted, onSort }: {
  children: ComponentChildren;
  n?: boolean;
  sorted: "ascending" | "descending" | undefined;
  onSort: () => void;
}) {
  return (
    <th scope="col" class={n ? "n" : ""} aria-sort={sorted ?? "none"}>
      <button type="button" class="sort" onClick={onSort}>
        {children}
        <Icon name={sorted === "ascending" ? "up" : sorted ? "down" : "sort"} />
      </button>
    </th>
  );
}

/** A column's head: a text, one above numbers, or null above buttons; what is false has no column. */
export type Column = string | [text: string, n: "n"] | null | false;

export function Heads({ of }: { of: Column[] }) {
  return (
    <>
      {of.map((each) => {
        if (each === false) return null;
        if (each === null) return <Th key="acts"><span class="skip">{t.actions}</span></Th>;
        return typeof each === "string" ? <Th key={each}>{each}</Th> : <Th key={each[0]} n>{each[0]}</Th>;
      })}
    </>
  );
}

interface Note {
  text: string;
  bad: boolean;
  link?: string;
  key: number;
}
const notes = store<Note[]>([]);
let nextKey = 0;

/** A short note in the corner, read aloud. */
export function tell(text: string, bad = false, link?: string): void {
  const note = { text, bad, link, key: nextKey++ };
  notes.set([...notes.get().slice(-2), note]);
  const stays = link ? 30_000 : bad ? 8000 : 4000; // who wants to follow a link needs the time to reach it
  setTimeout(() => notes.set(notes.get().filter((each) => each !== note)), stays);
}

export function Notes() {
  return (
    <div class="notes" role="status">
      {notes.use().map((note) => (
        <p key={note.key} class={note.bad ? "bad" : ""}>
          {note.text} {note.link && <a href={note.link}>{t.show}</a>}
        </p>
      ))}
    </div>
  );
}

/** Do something; say if it failed. */
export async function act(what: () => Promise<unknown>, done?: string): Promise<boolean> {
  try {
    await what();
    if (done) tell(done);
    return true;
  } catch (error) {
    tell(wordsOf(error), true);
    return false;
  }
}
