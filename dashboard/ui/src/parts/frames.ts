// A Python traceback, taken apart: own code first.

export interface Frame {
  file: string;
  line: number;
  name: string;
  code: string[];
  own: boolean;
}

export type Part = { kind: "frames"; frames: Frame[] } | { kind: "text"; text: string };

const HEADER = /^\s*File "(.+?)", line (\d+)(?:, in (.+))?$/;
const LIBRARY = /(^|\/)(site-packages|dist-packages|lib\/python3[.\d]*|mrq|mrq_container|mrq_lambda|gevent)\/|^<frozen/;

export function isOwn(file: string): boolean {
  return !LIBRARY.test(file);
}

/** Runs of frames, and the lines between them (exceptions, "During handling of…"). */
export function partsOf(traceback: string): Part[] {
  const parts: Part[] = [];
  let frame: Frame | undefined;
  for (const line of traceback.split("\n")) {
    const header = HEADER.exec(line);
    if (header) {
      const file = header[1] ?? "";
      frame = { file, line: Number(header[2]), name: header[3] ?? "", code: [], own: isOwn(file) };
      const last = parts.at(-1);
      if (last?.kind === "frames") last.frames.push(frame);
      else parts.push({ kind: "frames", frames: [frame] });
    } else if (frame && /^\s{4}/.test(line)) {
      if (!/^[\s^~]+$/.test(line)) frame.code.push(line.trim());
    } else {
      frame = undefined;
      if (!line.trim() || /^\s*Traceback \(most recent call last\):$/.test(line)) continue;
      const last = parts.at(-1);
      if (last?.kind === "text") last.text += `\n${line}`;
      else parts.push({ kind: "text", text: line });
    }
  }
  return parts;
}

/** What was raised last, as its line says. */
export function exceptionOf(traceback: string): string {
  const texts = partsOf(traceback).filter((part) => part.kind === "text");
  return texts.at(-1)?.text ?? "";
}

/** The address of a file, by the patterns of the configuration. Only http and https, whatever the patterns say. */
export function sourceLink(file: string, line: number, links: { pattern: string; url: string }[]): string | undefined {
  for (const { pattern, url } of links) {
    try {
      const expression = new RegExp(pattern);
      if (!expression.test(file)) continue;
      const found = file.replace(expression, url).replace("{line}", String(line));
      const address = new URL(found);
      if (address.protocol === "https:" || address.protocol === "http:") return address.href;
    } catch {
      // the pattern is Python's and not ours to read, or its address is none
    }
  }
  return undefined;
}
