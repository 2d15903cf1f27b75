// The address is the state: which page, which filter, which tab.
import { store } from "./store";

export interface Place {
  path: string[];
  query: URLSearchParams;
}

export type Query = Record<string, string | string[] | null | undefined>;

/** The path under which the dashboard is shown, with a slash at its end. */
export const base = new URL(".", document.baseURI).pathname;

function read(): Place {
  const path = location.pathname.startsWith(base) ? location.pathname.slice(base.length) : "";
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(location.search) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const place = store<Place>(read());

export function link(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    for (const each of Array.isArray(value) ? value : [value]) search.append(name, each);
  }
  const text = search.toString();
  return base + path + (text ? `?${text}` : "");
}

interface How {
  /** Instead of the address that is there. */
  replace?: boolean;
  /** Don't scroll to the top. */
  stay?: boolean;
}

export function go(url: string, { replace = false, stay = replace }: How = {}): void {
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  place.set(read());
  if (!stay) scrollTo(0, 0);
}

/** The same page with some of its query changed. */
export function withQuery(change: Query, how: How = {}): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(change)) {
    query.delete(name);
    for (const each of Array.isArray(value) ? value : [value]) if (each) query.append(name, each);
  }
  const text = query.toString();
  go(location.pathname + (text ? `?${text}` : ""), { replace: true, ...how });
}

export function listen(): void {
  addEventListener("popstate", () => place.set(read()));
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const anchor = (event.target as Element).closest("a");
    const href = anchor?.getAttribute("href"); // of an SVG's link, `href` is no text
    if (!anchor || !href || anchor.hasAttribute("target") || anchor.hasAttribute("download")) return;
    const url = new URL(href, document.baseURI);
    if (url.origin !== location.origin || !url.pathname.startsWith(base) || url.pathname.startsWith(`${base}api/`)) return;
    event.preventDefault();
    go(url.pathname + url.search);
  });
}
