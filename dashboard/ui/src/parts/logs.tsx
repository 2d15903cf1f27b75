// A log from its beginning, then whatever is added, by a cursor.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, Failure } from "../api/client";
import { paused } from "../api/live";
import { num } from "../format";
import { t } from "../texts";
import { Card, Empty, Segments } from "./basics";
import { Icon } from "./icons";

const MOST_LINES = 5_000;
const AFTER_THE_END = 8; // looks more: workers write their logs a little later
type Level = "all" | "warn" | "error";

interface Line {
  text: string;
  level: "E" | "W" | "I";
}

type Owner = "/api/v1/jobs/{job_id}/logs" | "/api/v1/workers/{worker_id}/logs";

function levelOf(line: string): Line["level"] | null {
  const found = /\[?\b(DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL)\b\]?/.exec(line.slice(0, 120))?.[1];
  if (!found) return null;
  return found === "ERROR" || found === "CRITICAL" ? "E" : found.startsWith("WARN") ? "W" : "I";
}

export function linesOf(text: string): Line[] {
  let level: Line["level"] = "I";
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => ({ text: line, level: (level = levelOf(line) ?? level) }));
}

function useTail(owner: Owner, id: string, follow: boolean) {
  const [text, setText] = useState<string | null>(null);
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
        setText((before) => cut((before ?? "") + found.text));
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
  return { text, error };
}

function cut(text: string): string {
  const lines = text.split("\n");
  return lines.length <= MOST_LINES + 1000 ? text : lines.slice(-MOST_LINES).join("\n");
}

export function Logs({ owner, id, follow, span = 12 }: { owner: Owner; id: string; follow: boolean; span?: number }) {
  const { text, error } = useTail(owner, id, follow);
  const [level, setLevel] = useState<Level>("all");
  const [wanted, setWanted] = useState("");
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const lines = useMemo(() => (text ? linesOf(text) : []), [text]);
  const shown = lines.filter(
    (line) =>
      (level === "all" || line.level === "E" || (level === "warn" && line.level === "W")) &&
      (!wanted || line.text.toLowerCase().includes(wanted.toLowerCase())),
  );
  useEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
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
      <Download text={text ?? ""} name={`${id}.log`} />
    </>
  );
  const live = { data: text ?? undefined, error, at: undefined, refresh: () => {} };
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
            {line.text}
          </div>
        ))}
        {!shown.length && <Empty>{lines.length ? t.logs.noMatch : follow ? t.logs.noneYet : t.logs.none}</Empty>}
      </div>
    </Card>
  );
}

function Download({ text, name }: { text: string; name: string }) {
  const save = () => {
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
