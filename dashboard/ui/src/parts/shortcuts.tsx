// Keys that work on every page, and the sheet that lists them.
import { useEffect } from "preact/hooks";
import { go, link } from "../router";
import { store } from "../store";
import { t } from "../texts";
import { Dialog } from "./dialog";
import { isTyping } from "./hooks";

export const helpShown = store(false);

const PAGES: Record<string, string> = {
  o: "",
  j: "jobs",
  q: "queues",
  f: "failures",
  w: "workers",
  s: "schedules",
  t: "tasks",
  a: "audit",
};
const PATIENCE = 1500; // milliseconds between g and the letter

function move(step: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("main [data-row]")];
  const own = document.activeElement?.closest("tr, li, .wk");
  const now = rows.findIndex((row) => row === document.activeElement || own?.contains(row));
  rows[Math.min(Math.max(now + step, 0), rows.length - 1)]?.focus();
}

/** g and a letter: a page; j and k: rows. */
export function usePageKeys(): void {
  useEffect(() => {
    let since = 0;
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const page = PAGES[event.key];
      if (Date.now() - since < PATIENCE && page !== undefined) {
        event.preventDefault();
        event.stopImmediatePropagation();
        since = 0;
        go(link(page));
      } else if (event.key === "g") since = Date.now();
      else if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
    };
    addEventListener("keydown", pressed, true);
    return () => removeEventListener("keydown", pressed, true);
  }, []);
}

export function Help() {
  if (!helpShown.use()) return null;
  return (
    <Dialog title={t.keys.title} onClose={() => helpShown.set(false)}>
      <dl class="kv">
        {t.keys.list.map(([key, text]) => (
          <>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </>
        ))}
      </dl>
    </Dialog>
  );
}
