// Add a schedule, or let one say something else.
import { useState } from "preact/hooks";
import { post, put, type Schemas } from "../api/client";
import { wordsOf } from "../session";
import { t } from "../texts";
import { tell } from "./basics";
import { Dialog, Field, FormEnd } from "./dialog";

type Words = Schemas["ScheduleWords"];
type Schedule = Schemas["ScheduleModel"];
type Kind = "interval" | "cron" | "dailytime" | "at";

function kindOf(schedule: Schedule | undefined): Kind {
  if (schedule?.cron) return "cron";
  if (schedule?.dailytime) return "dailytime";
  return schedule?.at ? "at" : "interval";
}

function wordsFrom(schedule: Schedule | undefined, kind: Kind, fields: Record<string, string>): Words {
  const kept: Partial<Words> = schedule
    ? { jitter: schedule.jitter, start: schedule.start, end: schedule.end, missed: schedule.missed, missed_limit: schedule.missed_limit, overlap: schedule.overlap }
    : {};
  const when = fields.when?.trim() ?? "";
  const words = {
    ...kept,
    task: fields.task?.trim() ?? "",
    name: fields.name?.trim() || null,
    queue: fields.queue?.trim() || null,
    params: fields.params?.trim() ? (JSON.parse(fields.params) as Words["params"]) : null,
    [kind]: kind === "interval" ? Number(when) : when,
    ...(kind === "cron" ? { timezone: fields.timezone?.trim() || null } : {}),
    ...(kind === "dailytime" && schedule ? { weekday: schedule.weekday, monthday: schedule.monthday } : {}),
  };
  return words as Words;
}

export function ScheduleForm(props: { schedule?: Schedule; close: () => void; saved: () => void }) {
  const { schedule, close, saved } = props;
  const [kind, setKind] = useState<Kind>(kindOf(schedule));
  const [error, setError] = useState("");
  const [fields, setFields] = useState<Record<string, string>>({
    task: schedule?.task ?? "",
    name: schedule?.name ?? "",
    queue: schedule?.queue ?? "",
    params: schedule?.params ? JSON.stringify(schedule.params) : "",
    timezone: schedule?.timezone ?? "",
    when: schedule ? String(schedule[kindOf(schedule)] ?? "") : "60",
  });
  const save = async () => {
    try {
      const words = wordsFrom(schedule, kind, fields);
      if (schedule) await put("/api/v1/schedules/{schedule_id}", { path: { schedule_id: schedule.id } }, words);
      else await post("/api/v1/schedules", {}, words);
      tell(t.schedule.saved);
      saved();
      close();
    } catch (failure) {
      setError(failure instanceof SyntaxError ? t.task.badJson : wordsOf(failure));
    }
  };
  const input = (name: string, more = {}) => (
    <input class="m" value={fields[name]} onInput={(event) => setFields({ ...fields, [name]: event.currentTarget.value })} {...more} />
  );
  return (
    <Dialog title={schedule ? t.schedule.edit : t.schedule.add} onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Field label={t.jobs.task}>{input("task", { required: true, placeholder: "tasks.Fetch" })}</Field>
        <Field label={t.schedule.kind}>
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value as Kind)}>
            {(["interval", "cron", "dailytime", "at"] as const).map((each) => (
              <option key={each} value={each}>
                {t.schedule.kinds[each]}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t.schedule.when[kind]}>{input("when", { required: true })}</Field>
        {kind === "cron" && <Field label={t.schedule.timezone}>{input("timezone", { placeholder: "UTC" })}</Field>}
        <Field label={t.jobs.params}>{input("params", { placeholder: '{"url": "https://…"}' })}</Field>
        <Field label={t.jobs.queue} hint={t.task.ownQueue}>{input("queue")}</Field>
        <Field label={t.schedule.name} hint={t.schedule.nameHint}>{input("name")}</Field>
        {error && <p class="up" role="alert">{error}</p>}
        <FormEnd text={t.schedule.save} close={close} />
      </form>
    </Dialog>
  );
}
