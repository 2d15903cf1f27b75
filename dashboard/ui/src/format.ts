// Numbers, durations and times as they are shown.
import { kept } from "./store";
import type { Schemas } from "./api/client";
import { t } from "./texts";

const whole = new Intl.NumberFormat("en-US");
export const localTime = kept("clock", "utc");

export function num(value: number): string {
  return whole.format(value);
}

/** A count; one that was capped says so. */
export function count(value: Schemas["Count"]): string {
  return value.exact ? num(value.jobs) : t.over(num(value.jobs));
}

/** How many there are of all jobs: told from the size of the collection, so neither more nor less for sure. */
export function about(value: Schemas["Count"]): string {
  return value.exact ? num(value.jobs) : t.about(num(value.jobs));
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return t.none;
  return value < 1e6 ? `${num(Math.round(value / 1e3))} kB` : value < 1e9 ? `${num(Math.round(value / 1e6))} MB` : `${(value / 1e9).toFixed(2)} GB`;
}

/** 0.9 ms, 4.13 s, 1m 03s, 6h 07m, 3d 04h */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return t.none;
  if (seconds < 0) return `-${duration(-seconds)}`;
  if (seconds < 0.001) return seconds === 0 ? "0 s" : `${(seconds * 1000).toFixed(2)} ms`;
  if (seconds < 1) return `${seconds < 0.01 ? (seconds * 1000).toFixed(1) : Math.round(seconds * 1000)} ms`;
  if (seconds < 59.995) return `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
  const all = Math.round(seconds);
  if (all < 3600) return `${Math.floor(all / 60)}m ${two(all % 60)}s`;
  if (all < 86400) return `${Math.floor(all / 3600)}h ${two(Math.floor((all % 3600) / 60))}m`;
  return `${num(Math.floor(all / 86400))}d ${two(Math.floor((all % 86400) / 3600))}h`;
}

/** The same in whole seconds, for what grows while one looks. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return whole < 60 ? `${whole} s` : duration(whole);
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function rough(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400 * 2) return `${Math.floor(seconds / 3600)} h`;
  return `${num(Math.floor(seconds / 86400))} d`;
}

/** 8 s ago, in 5 min */
export function ago(moment: string | null | undefined, now: number): string {
  if (!moment) return t.none;
  const seconds = (now - Date.parse(moment)) / 1000;
  return seconds >= -0.5 ? t.ago(rough(Math.max(0, seconds))) : t.within(rough(-seconds));
}

function parts(moment: Date): { date: string; time: string } {
  const shift = localTime.get() === "local" ? moment.getTimezoneOffset() * 60_000 : 0;
  const text = new Date(moment.getTime() - shift).toISOString();
  return { date: text.slice(0, 10), time: text.slice(11, 23) };
}

function zone(): string {
  return localTime.get() === "local" ? t.local : "UTC";
}

/** 2026-11-25 14:25:07.118 UTC */
export function exact(moment: string | null | undefined): string {
  if (!moment) return t.none;
  const { date, time } = parts(new Date(moment));
  return `${date} ${time} ${zone()}`;
}

/** 14:25:07 today, else with its date */
export function clock(moment: string | null | undefined, now: number): string {
  if (!moment) return t.none;
  const { date, time } = parts(new Date(moment));
  return date === parts(new Date(now)).date ? time.slice(0, 8) : `${date.slice(5)} ${time.slice(0, 5)}`;
}

/** 14:25, for an axis */
export function hour(moment: number): string {
  return parts(new Date(moment)).time.slice(0, 5);
}

/** 11-25 14h, for a long axis */
export function day(moment: number): string {
  const { date, time } = parts(new Date(moment));
  return `${date.slice(5)} ${time.slice(0, 2)}h`;
}

export function short(value: unknown, most = 120): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
