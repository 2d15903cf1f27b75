// A log from its beginning, then whatever is added, by a cursor.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, Failure, type Schemas } from "../api/client";
import { paused } from "../api/live";
import { exact, num } from "../format";
import { withQuery } from "../router";
import { t } from "../texts";
import { Card, Empty, Segments } from "./basics";
import { useParam } from "./hooks";
import { Icon } from "./icons";

const MOST_LINES = 5_000;
const AFTER_THE_END = 8; // looks more: workers write their logs a little later
type Level = "all" | "warn" | "error";

interface Line {
  text: string;
  level: "E" | "W" | "I";
  lead: string; // time and level, where the text has them not
  run: number | null; // when the run of the job began, in milliseconds since 1970
}

type Owner = "/api/v1/jobs/{job_id}/logs" | "/api/v1/workers/{worker_id}/logs";

function levelIn(line: string): string | undefined {
  return /\[?\b(DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL)\b\]?/.exec(line.slice(0, 120))?.[1];
}

function kindOf(level: string): Line["level"] {
  return level === "ERROR" || level === "CRITICAL" ? "E" : level.startsWith("WARN") ? "W" : "I";
}

// What MRQ 0.9 wrote has no marks: there each row is a line, of the level that it, or one before it, names.
export function linesOf({ text, marks }: Schemas["LogLines"]): Line[] {
  const rows = text.replace(/\n$/, "").split("\n");
  let at = 0;
  return marks.flatMap(({ level, time, rows: many, run: began }): Line[] => {
    const run = began ? Date.parse(began) : null;
    const part = rows.slice(at, (at += many));
    if (level) {
      const whole = part.join("\n");
      return [{ text: whole, level: kindOf(level), lead: levelIn(whole) ? "" : `${exact(time)} ${level} `, run }];
    }
    let kind: Line["level"] = "I";
    return part.map((line) => ({ text: line, level: (kind = levelIn(line) ? kindOf(levelIn(line)!) : kind), lead: "", run }));
  });
}

function useTail(owner: Owner, id: string, follow: boolean) {
  const [lines, setLines] = useState<Line[]>();
  const [error, setError] = useState<Failure>();
  const cursor = useRef<string | null>(null);
  useEffect(() => {
    const control = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    let left = AFTER_THE_END;
    const ask = async () => {
      try {
        const asked = { path: { job_id: id, worker_id: id }, query: { after: cursor.current } };
        const found = await get(owner, asked, control.signal);
        cursor.current = found.next;
        setError(undefined);
        setLines((before = []) => (found.text || !before.length ? [...before, ...linesOf(found)].slice(-MOST_LINES) : before));
        plan(found.more ? 0 : 1000);
      } catch (failure) {
        if (control.signal.aborted) return;
        if (failure instanceof Failure) setError(failure);
        plan(3000);
      }
    };
    const plan = (wait: number) => {
      if (control.signal.aborted || (wait === 1000 && !follow && left-- <= 0)) return;
      timer = setTimeout(() => (document.hidden || (paused.get() && wait) ? plan(1000) : void ask()), wait);
    };
    void ask();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [owner, id, follow]);
  return { lines, error };
}

interface LogsProps {
  owner: Owner;
  id: string;
  follow: boolean;
  span?: number;
  /** Of a job, oldest first: its log can be shown of each of them alone. */
  runs?: Schemas["Run"][];
}

const RUNS = 6; // that can be chosen

export function Logs({ owner, id, follow, span = 12, runs = [] }: LogsProps) {
  const { lines: known, error } = useTail(owner, id, follow);
  const [level, setLevel] = useState<Level>("all");
  const [wanted, setWanted] = useState("");
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const number = useParam("log");
  const began = runs[Number(number) - 1]?.started;
  const all = known ?? [];
  const lines = began ? all.filter((line) => line.run === Date.parse(began)) : all;
  const choices = runs.map((_, index) => String(index + 1)).slice(-RUNS);
  const shown = lines.filter(
    (line) =>
      (level === "all" || line.level === "E" || (level === "warn" && line.level === "W")) &&
      (!wanted || line.text.toLowerCase().includes(wanted.toLowerCase())),
  );
  useEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [known]);
  const many = (which: Line["level"]) => lines.filter((line) => line.level === which).length;
  const tools = (
    <>
      <input
        class="find"
        type="search"
        aria-label={t.logs.search}
        placeholder={t.logs.search}
        value={wanted}
        onInput={(event) => setWanted(event.currentTarget.value)}
      />
      {runs.length > 1 && (
        <Segments
          label={t.trace.attempts}
          value={began ? number : ""}
          onChange={(value) => withQuery({ log: value || null })}
          choices={[{ value: "", text: t.logs.allRuns }, ...choices.map((value) => ({ value, text: value }))]}
        />
      )}
      <Segments
        label={t.logs.level}
        value={level}
        onChange={setLevel}
        choices={[
          { value: "all", text: t.logs.all },
          { value: "warn", text: t.logs.warnings(num(many("W"))) },
          { value: "error", text: t.logs.errors(num(many("E"))) },
        ]}
      />
      <Download lines={lines} name={`${id}.log`} />
    </>
  );
  const live = { data: known, error, at: undefined, refresh: () => {} };
  return (
    <Card title={t.logs.title} sub={follow ? t.logs.live : undefined} tools={tools} span={span} live={live} class="logcard">
      <div
        class="logs"
        ref={box}
        tabIndex={0}
        role="log"
        aria-label={t.logs.title}
        onScroll={({ currentTarget: at }) => (atEnd.current = at.scrollHeight - at.scrollTop - at.clientHeight < 20)}
      >
        {shown.map((line, index) => (
          <div key={index} class={line.level}>
            {line.lead}
            {line.text}
          </div>
        ))}
        {!shown.length && <Empty>{lines.length ? t.logs.noMatch : follow ? t.logs.noneYet : t.logs.none}</Empty>}
      </div>
    </Card>
  );
}

function Download({ lines, name }: { lines: Line[]; name: string }) {
  const save = () => {
    const text = lines.map((line) => `${line.lead}${line.text}\n`).join("");
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    anchor.download = name;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
  };
  return (
    <button class="btn q" type="button" aria-label={t.logs.download} title={t.logs.download} onClick={save}>
      <Icon name="download" />
    </button>
  );
}
