import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { place } from "../router";
import { store } from "../store";

const now = store(Date.now());
let watchers = 0;
let ticking: ReturnType<typeof setInterval> | undefined;

/** The time, once a second; nobody asks while the tab is hidden. */
export function useNow(): number {
  useEffect(() => {
    watchers += 1;
    ticking ??= setInterval(() => document.hidden || now.set(Date.now()), 1000);
    return () => {
      watchers -= 1;
      if (!watchers) {
        clearInterval(ticking);
        ticking = undefined;
      }
    };
  }, []);
  return now.use();
}

/** The width of an element in pixels, so that charts are drawn at their true size. */
export function useWidth(): [RefObject<HTMLDivElement>, number] {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    setWidth(element.clientWidth);
    const watcher = new ResizeObserver(() => setWidth(element.clientWidth));
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);
  return [ref, width];
}

/** Keeps the order of a list while the pointer or the focus is in it: rows don't jump away under a click. */
export function useSteady<T>(items: T[], keyOf: (item: T) => string): [T[], Record<string, () => void>] {
  const held = useRef(false);
  const order = useRef<string[]>([]);
  let shown = items;
  if (held.current) {
    const byKey = new Map(items.map((item) => [keyOf(item), item]));
    const old = order.current.flatMap((key) => byKey.get(key) ?? []);
    const known = new Set(order.current);
    shown = [...old, ...items.filter((item) => !known.has(keyOf(item)))];
  }
  order.current = shown.map(keyOf);
  const hold = () => (held.current = true);
  const free = () => (held.current = false);
  return [shown, { onPointerEnter: hold, onPointerLeave: free, onFocusIn: hold, onFocusOut: free }];
}

type Keys = Record<string, () => void>;

/** Keys while no field has the focus and no dialog is open. */
export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const run = latest.current[event.key];
      const onControl = (event.target as HTMLElement | null)?.closest?.("a, button, summary, [tabindex]:not(main)");
      if (!run || (event.key === " " && onControl)) return;
      event.preventDefault();
      run();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

export function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return !!element?.closest?.("input, textarea, select, dialog[open]");
}

/** One value of the address's query. */
export function useParam(name: string): string {
  return place.use().query.get(name) ?? "";
}
