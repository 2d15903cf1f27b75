// Data that stay fresh: one request at a time, none in a hidden tab, slower while the server fails.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { kept, store } from "../store";
import { Failure, get, silence, type AskedOf, type GetPath, type Got } from "./client";

export const paused = store(false);
export const pace = kept("pace", "2"); // seconds between polls
const SLOWEST = 30_000;
const SILENT = 4_000; // while there is no answer at all: a restart is soon noticed

export interface Live<T> {
  data: T | undefined;
  /** Why the last request failed; the data are those of an earlier one. */
  error: Failure | undefined;
  /** When the data came, in milliseconds since 1970. */
  at: number | undefined;
  refresh: () => void;
}

interface Held<T> {
  key: string;
  data?: T;
  error?: Failure;
  at?: number;
}

/** What a path answers, again and again. `null` asks nothing. `every`: of the pace; 0 asks once. */
export function useLive<Path extends GetPath>(
  path: Path,
  asked: AskedOf<Path> | null,
  every = 1,
): Live<Got<Path>> {
  const key = asked === null ? "" : JSON.stringify([path, asked]);
  const [held, hold] = useState<Held<Got<Path>>>({ key });
  const wake = useRef(() => {});
  useEffect(() => {
    if (asked === null) return;
    return poll<Path>(path, asked, every, wake, (next) => hold((before) => kept_(before, key, next)));
  }, [key, every]);
  const refresh = useCallback(() => wake.current(), []);
  const own = held.key === key ? held : { key };
  return { data: own.data as Got<Path> | undefined, error: own.error, at: own.at, refresh };
}

function kept_<T>(before: Held<T>, key: string, next: { data?: T; error?: Failure }): Held<T> {
  const same = before.key === key ? before : { key };
  return next.error ? { ...same, error: next.error } : { key, data: next.data, at: Date.now() };
}

function poll<Path extends GetPath>(
  path: Path,
  asked: AskedOf<Path>,
  every: number,
  wake: { current: () => void },
  tell: (next: { data?: Got<Path>; error?: Failure }) => void,
): () => void {
  const control = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let running = false;
  const ask = async () => {
    if (running || control.signal.aborted) return;
    running = true;
    clearTimeout(timer);
    try {
      tell({ data: await get(path, asked, control.signal) });
      failures = 0;
    } catch (error) {
      if (control.signal.aborted) return;
      failures += 1;
      tell({ error: error instanceof Failure ? error : new Failure(0, "error", String(error)) });
    } finally {
      running = false;
    }
    plan();
  };
  const plan = () => {
    clearTimeout(timer);
    if (control.signal.aborted || (every === 0 && !failures)) return;
    const wait = Number(pace.get()) * 1000 * Math.max(every, 0.5) * 2 ** Math.min(failures, 5);
    timer = setTimeout(tick, Math.min(wait, silence.get() === null ? SLOWEST : SILENT));
  };
  const tick = () => {
    if (!document.hidden && !paused.get()) void ask();
  };
  const back = () => {
    if (!document.hidden && !paused.get() && (every > 0 || failures)) void ask();
  };
  const heard = () => {
    if (silence.get() === null && failures) void ask();
  };
  wake.current = () => void ask();
  document.addEventListener("visibilitychange", back);
  const stops = [paused.watch(back), pace.watch(back), silence.watch(heard)];
  void ask();
  return () => {
    control.abort();
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", back);
    for (const stop of stops) stop();
  };
}
