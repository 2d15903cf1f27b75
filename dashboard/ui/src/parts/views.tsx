// Filters of jobs that were given a name; this browser keeps them.
import { go, link } from "../router";
import { kept } from "../store";
import { t } from "../texts";
import { askFor } from "./dialog";
import { DRAWER } from "./jobdrawer";
import { Icon } from "./icons";

interface View {
  name: string;
  query: string;
}

const MOST = 30;
const saved = kept("views", "[]");

export function viewsOf(text: string): View[] {
  try {
    const found: unknown = JSON.parse(text);
    if (!Array.isArray(found)) return [];
    return found.filter((each): each is View => typeof each?.name === "string" && typeof each?.query === "string").slice(0, MOST);
  } catch {
    return [];
  }
}

/** The filter alone: not which page of it, and which job is open beside it. */
function queryOf(query: URLSearchParams): string {
  const own = new URLSearchParams(query);
  for (const name of ["after", ...DRAWER]) own.delete(name);
  return own.toString();
}

export function Views({ query }: { query: URLSearchParams }) {
  const views = viewsOf(saved.use());
  const own = queryOf(query);
  const current = views.find((each) => each.query === own);
  const set = (next: View[]) => saved.set(JSON.stringify(next));
  const save = async () => {
    const fields = [{ name: "name", label: t.views.name, value: "" }];
    const given = await askFor({ title: t.views.save, text: t.views.note, confirm: t.schedule.save, fields, reason: false });
    const name = given?.values.name?.trim().slice(0, 60);
    if (name) set([...views.filter((each) => each.name !== name), { name, query: own }].slice(-MOST));
  };
  if (!views.length && !own) return null;
  return (
    <div class="chips" role="group" aria-label={t.views.title}>
      {views.map((view) => (
        <span key={view.name} class={`chip ${view === current ? "" : "off"}`}>
          <a class="cut" href={`${link("jobs")}?${view.query}`} aria-current={view === current ? "true" : undefined}>
            {view.name}
          </a>
          <button
            type="button"
            aria-label={t.views.forget(view.name)}
            onClick={() => set(views.filter((each) => each !== view))}
          >
            <Icon name="close" />
          </button>
        </span>
      ))}
      {own && !current && (
        <button class="btn q" type="button" onClick={() => void save()}>
          <Icon name="plus" />
          {t.views.save}
        </button>
      )}
      {current && (
        <button class="btn q" type="button" onClick={() => go(link("jobs"))}>
          {t.views.none}
        </button>
      )}
    </div>
  );
}
