// The frame: navigation, the bar at the top, the page that the address names, what is said over it all.
import { useEffect, useState } from "preact/hooks";
import { silence } from "./api/client";
import { pace, paused } from "./api/live";
import { clock } from "./format";
import { Loading, Notes } from "./parts/basics";
import { Bulks } from "./parts/bulk";
import { Questions } from "./parts/dialog";
import { useKeys, useNow } from "./parts/hooks";
import { Icon, type IconName } from "./parts/icons";
import { openPalette, Palette } from "./parts/palette";
import { RangeChoice } from "./parts/statistics";
import { Help, helpShown, usePageKeys } from "./parts/shortcuts";
import { pageAt } from "./pages";
import { link, place } from "./router";
import { openSession, session } from "./session";
import { switchTheme } from "./theme";
import { LoginPage } from "./pages/login";
import { t } from "./texts";

const PAGES: [path: string, name: keyof typeof t.pages, icon: IconName][] = [
  ["", "overview", "overview"],
  ["jobs", "jobs", "jobs"],
  ["queues", "queues", "queues"],
  ["failures", "failures", "failures"],
  ["workers", "workers", "workers"],
  ["schedules", "schedules", "schedules"],
  ["tasks", "tasks", "tasks"],
];
const MORE: typeof PAGES = [
  ["io", "io", "io"],
  ["profiles", "profiles", "profiles"],
  ["operations", "operations", "operations"],
  ["audit", "audit", "audit"],
  ["settings", "settings", "settings"],
];

export function App() {
  const who = session.use();
  const [failed, setFailed] = useState(false);
  const quiet = silence.use();
  useEffect(() => {
    const open = () => openSession().then(() => setFailed(false), () => setFailed(true));
    void open();
    const again = setInterval(() => session.get() ?? open(), 3000);
    return () => clearInterval(again);
  }, []);
  if (!who) return <main class="login">{failed || quiet !== null ? <p class="card body" role="alert">{t.live.noAnswer}</p> : <Loading />}</main>;
  if (!who.user) {
    return (
      <>
        <LoginPage />
        <Notes />
      </>
    );
  }
  return <Frame />;
}

function Frame() {
  const { path } = place.use();
  usePageKeys();
  useKeys({ " ": () => paused.set(!paused.get()), "/": openPalette, "?": () => helpShown.set(true) });
  const { name, page } = pageAt(path);
  const title = t.pages[name];
  useEffect(() => {
    document.title = `${title} · MRQ`;
  }, [title]);
  return (
    <div class="app">
      <a class="skip" href="#main" onClick={toMain}>
        {t.skip}
      </a>
      <Side current={path[0] ?? ""} />
      <div class="right">
        <Top name={name} />
        <Banner />
        <main id="main" tabIndex={-1} key={path.join("/")}>
          {page}
        </main>
      </div>
      <Questions />
      <Bulks />
      <Palette />
      <Help />
      <Notes />
    </div>
  );
}

function toMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Side({ current }: { current: string }) {
  const who = session.use();
  const item = ([path, name, icon]: (typeof PAGES)[number]) => (
    <a key={path} href={link(path)} aria-current={path === current ? "page" : undefined}>
      <Icon name={icon} />
      {t.pages[name]}
    </a>
  );
  return (
    <nav class="side" aria-label={t.nav}>
      <div class="brand">
        <svg viewBox="0 0 22 22" aria-hidden="true">
          <rect class="f-acc" width="22" height="22" rx="5" />
          <path class="mark" d="M5 7h12M5 11h9M5 15h5" />
        </svg>
        <span>MRQ</span>
      </div>
      {PAGES.map(item)}
      <div class="g">{t.diagnose}</div>
      {MORE.map(item)}
      <div class="foot">
        {who?.user} · {who?.role}
        <br />
        MRQ {who?.version}
      </div>
    </nav>
  );
}

const RANGED = ["overview", "queue", "task", "worker"];

function Top({ name }: { name: keyof typeof t.pages }) {
  const who = session.use();
  const stopped = paused.use();
  const quiet = silence.use();
  const every = pace.use();
  return (
    <header class="top">
      <h1>{t.pages[name]}</h1>
      {who?.environment && <span class="env">{who.environment}</span>}
      {RANGED.includes(name) && <RangeChoice />}
      <span class="sp" />
      <button class="search" type="button" onClick={openPalette} aria-keyshortcuts="/ Control+K">
        <Icon name="search" />
        <span>{t.search.open}</span>
        <kbd>/</kbd>
      </button>
      <span class="live">
        <i class={`dot ${stopped ? "off" : quiet !== null ? "bad" : ""}`} />
        <span class="x">{stopped ? t.live.stopped : quiet !== null ? t.live.lost : t.live.every(every)}</span>
      </span>
      <button class="btn q" type="button" aria-label={stopped ? t.live.resume : t.live.pause} onClick={() => paused.set(!stopped)}>
        <Icon name={stopped ? "play" : "pause"} />
      </button>
      <button class="btn q" type="button" aria-label={t.theme} onClick={switchTheme}>
        <Icon name="theme" />
      </button>
      <button class="btn q help" type="button" aria-label={t.keys.title} onClick={() => helpShown.set(true)}>
        <Icon name="keyboard" />
      </button>
    </header>
  );
}

/** One banner if the server is gone. */
function Banner() {
  const quiet = silence.use();
  useNow();
  if (quiet === null) return null;
  return (
    <p class="banner" role="alert">
      <Icon name="failures" />
      {t.live.gone(clock(new Date(quiet).toISOString(), Date.now()))}
    </p>
  );
}
