// The filter of jobs as chips, each a part of the address.
import { useState } from "preact/hooks";
import { withQuery } from "../router";
import { t } from "../texts";
import { Icon } from "./icons";

export const FILTERS = ["id", "status", "queue", "task", "worker", "exceptiontype", "fingerprint"] as const;
const SINGLE = ["params", "since", "until"] as const;
const CHOICES = ["task", "queue", "exceptiontype", "worker", "id", "params", "since", "until"] as const;
type Choice = (typeof CHOICES)[number];

export function wordsOfFilter(query: URLSearchParams): string {
  const names = [...FILTERS, ...SINGLE];
  return names.flatMap((name) => query.getAll(name).map((value) => `${name}:${value}`)).join(" ");
}

export function Filters({ query }: { query: URLSearchParams }) {
  const [name, setName] = useState<Choice>("task");
  const [value, setValue] = useState("");
  const drop = (each: string, gone: string) =>
    withQuery({ [each]: query.getAll(each).filter((kept) => kept !== gone), after: null }, { replace: false });
  const add = () => {
    const text = value.trim();
    if (!text) return;
    const single = (SINGLE as readonly string[]).includes(name) || text.includes("*");
    withQuery({ [name]: single ? text : [...new Set([...query.getAll(name), text])], after: null }, { replace: false });
    setValue("");
  };
  const isTime = name === "since" || name === "until";
  return (
    <div class="chips">
      {[...FILTERS, ...SINGLE].flatMap((each) =>
        each === "status"
          ? []
          : query.getAll(each).map((text) => (
              <span class="chip m" key={each + text}>
                <span class="mut">{each}:</span>
                <span class="cut">{text}</span>
                <button type="button" aria-label={t.jobs.drop(each, text)} onClick={() => drop(each, text)}>
                  <Icon name="close" />
                </button>
              </span>
            )),
      )}
      <form
        class="addfilter"
        onSubmit={(event) => {
          event.preventDefault();
          add();
        }}
      >
        <select aria-label={t.jobs.filterBy} value={name} onChange={(event) => setName(event.currentTarget.value as Choice)}>
          {CHOICES.map((each) => (
            <option key={each} value={each}>
              {t.jobs.filterNames[each]}
            </option>
          ))}
        </select>
        <input
          class="m"
          type={isTime ? "datetime-local" : "text"}
          aria-label={t.jobs.filterValue}
          placeholder={t.jobs.hints[name]}
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
        <button class="btn" type="submit">
          <Icon name="filter" />
          {t.jobs.addFilter}
        </button>
      </form>
    </div>
  );
}
