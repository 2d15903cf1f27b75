// Charts as SVG at their true width in pixels; colours are CSS classes, so both themes fit.
import { num } from "../format";
import { useWidth } from "./hooks";

export interface Series {
  name: string;
  /** A class that colours it: ok, bad, retry, p50, p95, p99. */
  kind: string;
  values: (number | null)[];
}

interface ChartProps {
  label: string;
  series: Series[];
  /** A text below some places of the axis. */
  ticks: (index: number) => string;
  unit?: (value: number) => string;
  height?: number;
  /** Moments that are marked, as places on the axis with fractions. */
  marks?: Mark[];
  /** Where a bar leads. */
  to?: (index: number) => string | undefined;
}

export interface Mark {
  at: number;
  text: string;
}

const LEFT = 44;
const BOTTOM = 20;
const TOP = 8;

export function niceMax(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 10].find((step) => value <= step * power) ?? 10) * power;
}

function Frame(props: ChartProps & { max: number; width: number; length: number; children: preact.ComponentChildren }) {
  const { max, width, length, height = 200, unit = num } = props;
  const inner = height - BOTTOM - TOP;
  const each = (width - LEFT) / Math.max(1, length);
  const every = Math.max(1, Math.ceil(length / Math.max(2, Math.floor((width - LEFT) / 90))));
  return (
    <svg class="chart" width={width} height={height} role={props.to ? "group" : "img"} aria-label={props.label}>
      {[0, 0.25, 0.5, 0.75, 1].map((part) => {
        const y = TOP + inner * (1 - part);
        return (
          <g key={part}>
            <line class="ax" x1={LEFT} x2={width} y1={y} y2={y} />
            <text x={LEFT - 6} y={y + 3.5} text-anchor="end">
              {unit(max * part)}
            </text>
          </g>
        );
      })}
      {Array.from({ length }, (_, index) => index)
        .filter((index) => index % every === 0 && LEFT + (index + 0.5) * each < width - 30)
        .map((index) => (
          <text key={index} x={LEFT + index * each} y={height - 4}>
            {props.ticks(index)}
          </text>
        ))}
      {props.children}
      {props.marks?.map((mark) => {
        const x = LEFT + mark.at * each;
        const turned = x > width - 110;
        return (
          <g key={mark.text + mark.at}>
            <line class="mark" x1={x} x2={x} y1={0} y2={TOP + inner} />
            <text class="mark" x={turned ? x - 4 : x + 4} y={TOP + 2} text-anchor={turned ? "end" : "start"}>
              {mark.text}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

/** Bars, stacked. */
export function Bars(props: ChartProps) {
  const [ref, width] = useWidth();
  const { series, height = 200 } = props;
  const length = Math.max(0, ...series.map((each) => each.values.length));
  const totals = Array.from({ length }, (_, at) => series.reduce((sum, each) => sum + (each.values[at] ?? 0), 0));
  const max = niceMax(Math.max(0, ...totals));
  const inner = height - BOTTOM - TOP;
  const step = (width - LEFT) / Math.max(1, length);
  return (
    <div ref={ref} class="chartbox">
      {width > 0 && (
        <Frame {...props} max={max} width={width} length={length}>
          {totals.map((total, at) => {
            let below = 0;
            const to = total ? props.to?.(at) : undefined;
            const bars = series.map((each) => {
              const value = each.values[at] ?? 0;
              if (!value) return null;
              const tall = (value / max) * inner;
              below += tall;
              return (
                <rect
                  key={`${at}${each.name}`}
                  class={`f-${each.kind}`}
                  x={LEFT + at * step + 0.5}
                  y={TOP + inner - below}
                  width={Math.max(1, step - 1)}
                  height={Math.max(1, tall)}
                >
                  <title>{`${props.ticks(at)} ${each.name}: ${(props.unit ?? num)(value)}`}</title>
                </rect>
              );
            });
            return to ? <a key={at} href={to} aria-label={`${props.ticks(at)}: ${(props.unit ?? num)(total)}`}>{bars}</a> : bars;
          })}
        </Frame>
      )}
    </div>
  );
}

/** Lines; gaps where there is no value. */
export function Lines(props: ChartProps) {
  const [ref, width] = useWidth();
  const { series, height = 200 } = props;
  const length = Math.max(0, ...series.map((each) => each.values.length));
  const max = niceMax(Math.max(0, ...series.flatMap((each) => each.values.map((value) => value ?? 0))));
  const inner = height - BOTTOM - TOP;
  const x = (at: number) => LEFT + ((at + 0.5) * (width - LEFT)) / Math.max(1, length);
  const y = (value: number) => TOP + inner * (1 - value / max);
  return (
    <div ref={ref} class="chartbox">
      {width > 0 && (
        <Frame {...props} max={max} width={width} length={length}>
          {series.map((each) => (
            <path key={each.name} class={`l-${each.kind}`} d={pathOf(each.values, x, y)} />
          ))}
        </Frame>
      )}
    </div>
  );
}

function pathOf(values: (number | null)[], x: (at: number) => number, y: (value: number) => number): string {
  let drawing = false;
  return values
    .map((value, at) => {
      if (value === null) {
        drawing = false;
        return "";
      }
      const step = `${drawing ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
      const alone = !drawing && (values[at + 1] ?? null) === null ? "h3" : "";
      drawing = true;
      return step + alone;
    })
    .join("");
}

export function Legend({ series }: { series: Pick<Series, "name" | "kind">[] }) {
  return (
    <div class="lg">
      {series.map((each) => (
        <span key={each.name}>
          <i class={`b-${each.kind}`} />
          {each.name}
        </span>
      ))}
    </div>
  );
}

/** A small line without axes. */
export function Spark({ values, kind, label }: { values: (number | null)[]; kind: string; label?: string }) {
  const first = Math.max(0, values.findIndex((value) => value !== null)); // what is not known from the beginning on is left out
  const known = values.map((value) => value ?? 0);
  const max = Math.max(1e-9, ...known);
  const x = (index: number) => ((index / Math.max(1, known.length - 1)) * 120).toFixed(1);
  const at = (value: number, index: number) => `${x(index)} ${(20.5 - (value / max) * 18).toFixed(1)}`;
  const points = known.map(at).slice(first);
  if (points.length === 1) points.unshift(`${x(first - 0.5)} 20.5`);
  const line = known.length > 1 ? `M${points.join("L")}` : "";
  return (
    <svg class="sp" viewBox="0 0 120 22" preserveAspectRatio="none" {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" })}>
      {line && <path class={`a-${kind}`} d={`${line}L120 22L${x(first)} 22Z`} />}
      {line && <path class={`l-${kind} thin`} d={line} />}
    </svg>
  );
}
