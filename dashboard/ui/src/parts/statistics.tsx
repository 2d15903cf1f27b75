// What was counted, over a time that is in the address: outcomes a second, run times, waits.
import { useRef } from "preact/hooks";
import type { Schemas } from "../api/client";
import { useLive, type Live } from "../api/live";
import { day, duration, hour, num } from "../format";
import { FAILED } from "../actions";
import { link, withQuery } from "../router";
import { t } from "../texts";
import { Card, Empty, Segments } from "./basics";
import { Bars, Legend, Lines, Spark, type Mark, type Series } from "./charts";
import { useNow, useParam } from "./hooks";

const RANGES = { "15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000, "90d": 7_776_000 };
export type Range = keyof typeof RANGES;
/** Longer ones have no minutes. */
export const isLong = (range: Range) => RANGES[range] > 86_400;
type Figures = Schemas["FiguresModel"];

export function useRange(): Range {
  const found = useParam("range");
  return found in RANGES ? (found as Range) : "1h";
}

export function RangeChoice() {
  return (
    <Segments
      label={t.stats.range}
      value={useRange()}
      choices={(Object.keys(RANGES) as Range[]).map((value) => ({ value, text: value }))}
      onChange={(range) => withQuery({ range: range === "1h" ? null : range })}
    />
  );
}

/** The first moment of the range, on a whole minute, so that it changes once a minute. */
export function useStart(): string {
  const now = useNow();
  const minute = Math.floor(now / 60_000) * 60_000;
  return new Date(minute - RANGES[useRange()] * 1000).toISOString();
}

/** The latest data, also while those of the next minute are on their way. */
export function useLast<T>(live: Live<T>, about: string): Live<T> {
  const last = useRef<{ about: string; live: Live<T> }>();
  if (live.data !== undefined) last.current = { about, live };
  const before = last.current?.about === about ? last.current.live : undefined;
  return live.data === undefined && before ? { ...live, data: before.data, at: before.at } : live;
}

export interface Slot {
  at: number;
  figures: Figures | undefined;
}

export interface Counted {
  slots: Slot[];
  /** The whole range in one: its percentiles can't be told from those of the slots. */
  whole: Figures | undefined;
  seconds: number;
  live: Live<unknown>;
}

export function useCounted(about: { queue?: string; task?: string } = {}): Counted {
  const range = useRange();
  const start = useStart();
  const asked = useLive("/api/v1/statistics", { query: { ...about, start } }, 5);
  const live = useLast(asked, JSON.stringify([about, range]));
  const figures = live.data?.figures ?? [];
  const seconds = lengthOf(figures, RANGES[range]);
  return { slots: slotsOf(figures, Date.parse(start), seconds, RANGES[range], Date.now()), whole: live.data?.whole, seconds, live };
}

/** All of the range before this one, in one; undefined while it isn't known. */
export function useBefore(): Figures | undefined {
  const range = useRange();
  const end = useStart();
  const start = new Date(Date.parse(end) - RANGES[range] * 1000).toISOString();
  const live = useLast(useLive("/api/v1/statistics", { query: { start, end } }, 30), range);
  return live.data?.whole;
}

/** How a figure compares with the range before: in hundredths of that. */
export function changeOf(now: number | undefined, before: number | undefined): string | undefined {
  if (now === undefined || !before) return undefined;
  const change = Math.round((100 * (now - before)) / before);
  return `${change > 0 ? "+" : change < 0 ? "−" : "±"}${num(Math.abs(change))} %`;
}

/** A minute, an hour or a day. The last period has only its seconds so far. */
function lengthOf(figures: Figures[], range: number): number {
  const longest = Math.max(0, ...figures.map((each) => each.seconds));
  const usual = range <= 21_600 ? 60 : 3600;
  return longest <= usual ? usual : longest <= 3600 ? 3600 : 86_400;
}

const REPORTED = 75_000; // ms after which workers have told of a period

/** Periods in which nothing was counted are not sent; here they are put in again. A minute that is not over, or of which
 * nobody has told yet, is left out: else each line would end in a drop. */
export function slotsOf(figures: Figures[], start: number, seconds: number, range: number, now: number): Slot[] {
  const step = seconds * 1000;
  const byTime = new Map(figures.map((each) => [each.start ? Date.parse(each.start) : 0, each]));
  const first = Math.floor(start / step) * step;
  const slots = Array.from({ length: Math.ceil(range / seconds) + 1 }, (_, index) => {
    const at = first + index * step;
    return { at, figures: byTime.get(at) };
  });
  const isOpen = ({ at, figures }: Slot) => at + step > now ? seconds === 60 || !figures : !figures && at + step > now - REPORTED;
  while (slots.length > 1 && isOpen(slots[slots.length - 1] as Slot)) slots.pop();
  return slots;
}

/** Deploys within the time of the slots. */
export function useMarks(counted: Pick<Counted, "slots" | "seconds">): Mark[] {
  const start = useStart();
  const range = useRange();
  const live = useLast(useLive("/api/v1/statistics/deploys", { query: { start } }, 15), range);
  const first = counted.slots[0]?.at ?? 0;
  return (live.data?.deploys ?? []).flatMap((each) => {
    const at = each.at ? (Date.parse(each.at) - first) / (counted.seconds * 1000) : -1;
    return at >= 0 && at <= counted.slots.length ? [{ at, text: t.stats.deploy(each.version.slice(0, 24)) }] : [];
  });
}

export const rateOf = (figures: Figures | undefined, many: (each: Figures) => number) =>
  figures ? many(figures) / figures.seconds : 0;

const success = (each: Figures) => each.ended.success ?? 0;
const again = (each: Figures) => (each.ended.retry ?? 0) + (each.ended.interrupt ?? 0);

export function outcomes(slots: Slot[]): Series[] {
  const line = (many: (each: Figures) => number) => slots.map((slot) => rateOf(slot.figures, many));
  return [
    { name: t.stats.failed, kind: "bad", values: line((each) => each.failed) },
    { name: t.stats.retry, kind: "retry", values: line(again) },
    { name: t.stats.success, kind: "ok", values: line(success) },
  ];
}

export const perSecond = (value: number) => (value === 0 ? "0" : value < 10 ? value.toPrecision(2) : num(Math.round(value)));

export function Throughput({ counted, span = 8 }: { counted: Counted; span?: number }) {
  const series = outcomes(counted.slots);
  const tick = (index: number) => tickOf(counted, index);
  const some = counted.slots.some((slot) => slot.figures);
  const marks = useMarks(counted);
  return (
    <Card title={t.stats.finished} span={span} live={counted.live} tools={<Legend series={[...series].reverse()} />}>
      <div class="body">
        {some ? <Bars label={t.stats.finished} series={series} ticks={tick} unit={perSecond} marks={marks} /> : <Empty>{t.stats.none}</Empty>}
      </div>
    </Card>
  );
}

export function Durations({ counted, what, span = 4 }: { counted: Counted; what: "run" | "wait"; span?: number }) {
  const series: Series[] = (["p50", "p95", "p99"] as const).map((name) => ({
    name,
    kind: name,
    values: counted.slots.map((slot) => slot.figures?.[what]?.[name] ?? null),
  }));
  const some = series.some((each) => each.values.some((value) => value !== null));
  return (
    <Card title={t.stats[what]} span={span} live={counted.live} tools={<Legend series={series} />}>
      <div class="body">
        {some ? (
          <Lines label={t.stats[what]} series={series} ticks={(index) => tickOf(counted, index)} unit={seconds} />
        ) : (
          <Empty>{t.stats.none}</Empty>
        )}
      </div>
    </Card>
  );
}

export function seconds(value: number): string {
  return value === 0 ? "0" : value < 1 ? `${Math.round(value * 1000)} ms` : value < 60 ? `${num(Math.round(value * 10) / 10)} s` : duration(value);
}

export function tickOf(counted: Pick<Counted, "slots" | "seconds">, index: number): string {
  const at = counted.slots[index]?.at ?? 0;
  return counted.seconds < 3600 ? hour(at) : counted.seconds < 86_400 ? day(at) : day(at).slice(0, 5);
}

/** The whole range in one: a rate, a share of failures, percentiles, each with its line. */
export function Totals({ counted }: { counted: Counted }) {
  const known = counted.slots.flatMap((slot) => slot.figures ?? []);
  const sum = (many: (each: Figures) => number) => known.reduce((total, each) => total + many(each), 0);
  const settled = sum((each) => each.settled);
  const failed = sum((each) => each.failed);
  const time = known.reduce((total, each) => total + each.seconds, 0);
  const ends = settled ? (100 * failed) / settled : 0;
  const since = useStart();
  const range = useRange();
  const jobs = (status: string[]) => link("jobs", { status, since });
  const line = (many: (each: Figures) => number | undefined | null) => counted.slots.map((slot) => (slot.figures ? (many(slot.figures) ?? null) : null));
  const run = counted.whole?.run;
  const wait = counted.whole?.wait;
  const before = useBefore();
  const rate = time ? settled / time : 0;
  const rateBefore = before ? before.settled / RANGES[range] : undefined;
  const endsBefore = before?.settled ? (100 * before.failed) / before.settled : undefined;
  return (
    <>
      <Total name={t.stats.ended} value={perSecond(rate)} unit={t.stats.perSecond} note={t.stats.inAll(num(settled))} change={changeOf(settled / (counted.slots.length * counted.seconds), rateBefore)} was={t.stats.before(rateBefore === undefined ? "" : `${perSecond(rateBefore)} ${t.stats.perSecond}`)} kind="ok" values={line((each) => rateOf(each, () => each.settled))} to={jobs(["success", ...FAILED])} />
      <Total
        name={t.stats.failedShare}
        value={ends && ends < 0.01 ? "<0.01" : String(Math.round(ends * 100) / 100)}
        unit="%"
        note={t.stats.failures(num(failed))}
        change={changeOf(ends, endsBefore)}
        was={t.stats.before(`${Math.round((endsBefore ?? 0) * 100) / 100} %`)}
        bad={failed > 0}
        kind="bad"
        values={line((each) => rateOf(each, () => each.failed))}
        to={jobs(FAILED)}
      />
      <Total name={t.stats.waitP95} {...split(wait?.p95)} note={wait ? t.stats.median(duration(wait.p50)) : undefined} change={changeOf(wait?.p95, before?.wait?.p95)} was={t.stats.before(duration(before?.wait?.p95 ?? 0))} kind="p95" values={line((each) => each.wait?.p95)} to={link("queues", { range })} />
      <Total name={t.stats.runP95} {...split(run?.p95)} note={run ? t.stats.median(duration(run.p50)) : undefined} change={changeOf(run?.p95, before?.run?.p95)} was={t.stats.before(duration(before?.run?.p95 ?? 0))} kind="p95" values={line((each) => each.run?.p95)} to={link("tasks", { range })} />
    </>
  );
}

function split(value: number | undefined): { value: string; unit: string } {
  const [number = t.none, unit = ""] = (value === undefined ? t.none : duration(value)).split(" ");
  return { value: number, unit };
}

export interface TotalProps {
  name: string;
  value: string;
  unit: string;
  note?: string;
  /** Since an earlier time, and what it was then, in words. */
  change?: string | undefined;
  was?: string;
  bad?: boolean;
  kind: string;
  values: (number | null)[];
  /** What is behind the figure. */
  to: string;
}

export function Total(props: TotalProps) {
  return (
    <a class="kpi" href={props.to}>
      <span class="l">{props.name}</span>
      <span class={`v ${props.bad ? "up" : ""}`}>
        {props.value} <small>{props.unit}</small>
      </span>
      <span class="d">
        {props.note ?? (props.change ? "" : "\u00a0")}
        {props.change && <span title={props.was}>{props.note && " · "}{props.change}</span>}
      </span>
      <Spark values={props.values} kind={props.kind} />
    </a>
  );
}
