import { useState } from "preact/hooks";
import { session } from "../session";
import { t } from "../texts";
import { exceptionOf, partsOf, sourceLink, type Frame, type Part } from "./frames";

/** The exception, then the frames of own code; those of libraries are folded. */
export function Traceback({ text }: { text: string }) {
  const parts = partsOf(text);
  const exception = exceptionOf(text);
  if (!parts.some((part) => part.kind === "frames")) return <pre class="exc">{text}</pre>;
  const last = parts.at(-1);
  const before = last?.kind === "text" ? parts.slice(0, -1) : parts;
  return (
    <div class="tb">
      <div class="exc">{exception}</div>
      {before.map((part, index) => (
        <Piece key={index} part={part} />
      ))}
    </div>
  );
}

function Piece({ part }: { part: Part }) {
  if (part.kind === "text") return <pre class="fr mut">{part.text}</pre>;
  return (
    <>
      {runs(part.frames).map((run, index) =>
        run[0]?.own ? run.map((frame, n) => <Shown key={`${index}.${n}`} frame={frame} />) : <Folded key={index} frames={run} />,
      )}
    </>
  );
}

function runs(frames: Frame[]): Frame[][] {
  const found: Frame[][] = [];
  for (const frame of frames) {
    const last = found.at(-1);
    if (last?.[0]?.own === frame.own) last.push(frame);
    else found.push([frame]);
  }
  return found;
}

function Folded({ frames }: { frames: Frame[] }) {
  const [open, setOpen] = useState(false);
  if (open) return <>{frames.map((frame, index) => <Shown key={index} frame={frame} />)}</>;
  return (
    <div class="fr fold">
      {t.trace.folded(frames.length)}{" "}
      <button class="linklike" type="button" onClick={() => setOpen(true)}>
        {t.show}
      </button>
    </div>
  );
}

function Shown({ frame }: { frame: Frame }) {
  const links = session.use()?.links ?? [];
  const url = sourceLink(frame.file, frame.line, links);
  const where = `${frame.file}:${frame.line}`;
  return (
    <div class={`fr ${frame.own ? "own" : ""}`}>
      <div class="loc">
        <b>{frame.name}</b>
        {url ? (
          <a href={url} target="_blank" rel="noreferrer">
            {where}
          </a>
        ) : (
          <span>{where}</span>
        )}
      </div>
      {frame.code.length > 0 && (
        <pre tabIndex={0}>
          <span class="hl">{frame.code.join("\n")}</span>
        </pre>
      )}
    </div>
  );
}
