// Go anywhere: pages, queues, tasks, a job by its id.
import { useEffect, useState } from "preact/hooks";
import { get } from "../api/client";
import { go, link } from "../router";
import { store } from "../store";
import { t } from "../texts";
import { Dialog } from "./dialog";
import { Icon, type IconName } from "./icons";

interface Goal {
  text: string;
  note: string;
  icon: IconName;
  url: string;
}

const shown = store(false);
export const openPalette = () => shown.set(true);

const PAGES = ["jobs", "queues", "failures", "workers", "schedules", "tasks", "io", "profiles", "operations", "audit", "settings"] as const;
const MOST = 12;

function pages(): Goal[] {
  const goals: Goal[] = PAGES.map((name) => ({ text: t.pages[name], note: t.search.page, icon: name, url: link(name) }));
  return [{ text: t.pages.overview, note: t.search.page, icon: "overview", url: link("") }, ...goals];
}

function typed(text: string): Goal[] {
  if (!text) return [];
  if (/^[0-9a-f]{24}$/i.test(text)) return [{ text, note: t.search.job, icon: "jobs", url: link(`jobs/${text}`) }];
  return [
    { text: t.search.tasksWith(text), note: t.pages.jobs, icon: "filter", url: link("jobs", { task: `*${text}*` }) },
    { text: t.search.exceptionsWith(text), note: t.pages.jobs, icon: "filter", url: link("jobs", { exceptiontype: `*${text}*` }) },
  ];
}

export function Palette() {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "k") {
        event.preventDefault();
        shown.set(true);
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  return shown.use() ? <Open /> : null;
}

function Open() {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [queues, setQueues] = useState<Goal[]>([]);
  const [tasks, setTasks] = useState<Goal[]>([]);
  useEffect(() => {
    const failed = () => {}; // pages are found all the same
    get("/api/v1/queues", {}).then(
      ({ queues: found }) => setQueues(found.map((each): Goal => ({ text: each.name, note: t.search.queue, icon: "queues", url: link("queues/one", { name: each.name }) }))),
      failed,
    );
    get("/api/v1/tasks", {}).then(
      ({ tasks: found }) => setTasks(found.map((each): Goal => ({ text: each.name, note: t.search.task, icon: "tasks", url: link("tasks/one", { name: each.name }) }))),
      failed,
    );
  }, []);
  const wanted = text.trim().toLowerCase();
  const goals = [...[...pages(), ...queues, ...tasks].filter((goal) => goal.text.toLowerCase().includes(wanted)), ...typed(text.trim())].slice(0, MOST);
  const chosen = Math.min(at, goals.length - 1);
  const follow = (goal: Goal | undefined) => {
    if (!goal) return;
    shown.set(false);
    go(goal.url);
  };
  const pressed = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setAt((chosen + step + goals.length) % Math.max(1, goals.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      follow(goals[chosen]);
    }
  };
  return (
    <Dialog title={t.search.title} onClose={() => shown.set(false)}>
      <input
        class="wide"
        autofocus
        role="combobox"
        aria-expanded="true"
        aria-controls="goals"
        aria-activedescendant={goals.length ? `goal-${chosen}` : undefined}
        aria-label={t.search.title}
        placeholder={t.search.hint}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={pressed}
      />
      <ul id="goals" class="goals" role="listbox" aria-label={t.search.found}>
        {goals.map((goal, index) => (
          <li key={goal.url + goal.note} id={`goal-${index}`} role="option" aria-selected={index === chosen} onClick={() => follow(goal)}>
            <Icon name={goal.icon} />
            <span class="cut">{goal.text}</span>
            <span class="mut">{goal.note}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
