// A flame graph: the wider, the more time. A call is a link to the part below it, so the address holds where one is.
import { Fragment } from "preact";
import type { Schemas } from "../api/client";
import { num } from "../format";
import { place } from "../router";
import { t } from "../texts";
import { useWidth } from "./hooks";

export type Flame = Schemas["FlameModel"];

const ROW = 20;
const NARROWEST = 2; // pixels of a call that is drawn
const LETTER = 6.6; // pixels, about
const COLOURS = 4;

interface Box {
  index: number;
  depth: number;
  x: number;
  width: number;
}

/** Where each call that is wide enough goes. `at`: only what it calls, and those that call it; -1: everything. */
export function layout(flames: Flame[], at: number, width: number): Box[] {
  const children = new Map<number, number[]>();
  flames.forEach((flame, index) => children.set(flame.parent, [...(children.get(flame.parent) ?? []), index]));
  const boxes: Box[] = [];
  const above: number[] = [];
  for (let each = at; each >= 0; each = flames[each]?.parent ?? -1) above.unshift(each);
  above.forEach((index, depth) => boxes.push({ index, depth, x: 0, width }));
  const roots = children.get(-1) ?? [];
  const total = at >= 0 ? (flames[at]?.samples ?? 1) : roots.reduce((sum, index) => sum + (flames[index]?.samples ?? 0), 0);
  const scale = width / Math.max(1, total);
  const draw = (indices: number[], depth: number, start: number) => {
    let x = start;
    for (const index of indices) {
      const own = (flames[index]?.samples ?? 0) * scale;
      if (own >= NARROWEST) {
        boxes.push({ index, depth, x, width: own });
        draw(children.get(index) ?? [], depth + 1, x);
      }
      x += own;
    }
  };
  draw(children.get(at) ?? [], above.length, 0);
  return boxes;
}

/** Calls of one module have one colour. */
function colourOf(name: string): string {
  if (name.startsWith("(")) return "fl-idle";
  const root = name.split(/[.:]/)[0] ?? "";
  let sum = 0;
  for (const letter of root) sum = (sum * 31 + letter.charCodeAt(0)) % 9973;
  return `fl-${sum % COLOURS}`;
}

function addressOf(at: number): string {
  const query = new URLSearchParams(place.get().query);
  if (at < 0) query.delete("at");
  else query.set("at", String(at));
  const text = query.toString();
  return location.pathname + (text ? `?${text}` : "");
}

export function FlameGraph({ flames, samples, at }: { flames: Flame[]; samples: number; at: number }) {
  const [ref, width] = useWidth();
  const boxes = width ? layout(flames, at, width) : [];
  const depth = boxes.reduce((most, box) => Math.max(most, box.depth), 0) + 1;
  return (
    <div ref={ref} class="chartbox scroll">
      <svg class="flame" width={width} height={depth * ROW} role="group" aria-label={t.profiles.flame}>
        {boxes.map(({ index, depth: row, x, width: wide }) => {
          const flame = flames[index];
          if (!flame) return null;
          const letters = Math.floor((wide - 8) / LETTER);
          const share = `${((100 * flame.samples) / Math.max(1, samples)).toFixed(1)} %`;
          const words = `${flame.name}: ${t.profiles.share(share, num(flame.samples))}`;
          return (
            <Fragment key={index}>
              <a href={addressOf(index === at ? flame.parent : index)} aria-label={words} tabIndex={wide > 40 ? 0 : -1}>
                <title>{words}</title>
                <rect class={colourOf(flame.name)} x={x} y={row * ROW} width={Math.max(1, wide - 1)} height={ROW - 1} rx="2" />
              </a>
              {letters > 2 && (
                <text x={x + 4} y={row * ROW + 13.5} aria-hidden="true">
                  {flame.name.length > letters ? `${flame.name.slice(0, letters - 1)}…` : flame.name}
                </text>
              )}
            </Fragment>
          );
        })}
      </svg>
    </div>
  );
}

export interface Call {
  name: string;
  self: number;
  total: number;
}

/** By function: samples in it itself, and with what it calls (a call within itself counts once). */
export function callsOf(flames: Flame[], at: number): Call[] {
  const own = flames.map((flame) => flame.samples);
  const inside = flames.map((_, index) => index === at || at < 0);
  const calls = new Map<string, Call>();
  flames.forEach((flame, index) => {
    if (flame.parent >= 0) {
      own[flame.parent] = (own[flame.parent] ?? 0) - flame.samples;
      if (inside[flame.parent]) inside[index] = true;
    }
  });
  flames.forEach((flame, index) => {
    if (!inside[index] || flame.parent < 0) return; // the outermost are tasks, no functions
    const call = calls.get(flame.name) ?? { name: flame.name, self: 0, total: 0 };
    call.self += own[index] ?? 0;
    if (!hasAbove(flames, index)) call.total += flame.samples;
    calls.set(flame.name, call);
  });
  return [...calls.values()].sort((a, b) => b.self - a.self);
}

function hasAbove(flames: Flame[], index: number): boolean {
  const name = flames[index]?.name;
  for (let each = flames[index]?.parent ?? -1; each >= 0; each = flames[each]?.parent ?? -1) {
    if (flames[each]?.name === name) return true;
  }
  return false;
}
