// Queue a job: a field a param, by the schema of the task's signature, or JSON.
import { useState } from "preact/hooks";
import { post, type Schemas } from "../api/client";
import { link } from "../router";
import { barred, wordsOf } from "../session";
import { t } from "../texts";
import { tell } from "./basics";
import { Field } from "./dialog";
import { Segments } from "./basics";

interface Property {
  type?: string;
  default?: unknown;
  anyOf?: { type?: string }[];
}

interface Schema {
  properties?: Record<string, Property>;
  required?: string[];
}

function typeOf(property: Property): string {
  const types = property.anyOf?.map((each) => each.type) ?? [property.type];
  const real = types.filter((type) => type && type !== "null");
  return types.includes("null") ? `${real[0] ?? "any"}?` : (real[0] ?? "any");
}

function text(value: unknown): string {
  return value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
}

/** The value that a field's text stands for. Throws SyntaxError. */
export function valueOf(given: string, property: Property): unknown {
  const type = typeOf(property).replace("?", "");
  if (given === "null" && typeOf(property).endsWith("?")) return null;
  if (type === "string") return given;
  try {
    return JSON.parse(given);
  } catch (error) {
    if (type === "any") return given;
    throw error;
  }
}

function paramsOf(schema: Schema, fields: Record<string, string>): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const given = fields[name] ?? "";
    const required = schema.required?.includes(name);
    if (given === "" && !(required && typeOf(property) === "string")) continue;
    params[name] = valueOf(given, property);
  }
  return params;
}

export function EnqueueForm({ task, like }: { task: Schemas["TaskDetail"]; like: Schemas["JobDetail"] | null }) {
  const schema = (task.params ?? {}) as Schema;
  const known = Object.keys(schema.properties ?? {});
  const given = (like?.params ?? {}) as Record<string, unknown>;
  const [form, setForm] = useState<"fields" | "json">(known.length ? "fields" : "json");
  const [fields, setFields] = useState<Record<string, string>>(
    Object.fromEntries(known.map((name) => [name, text(given[name] ?? undefined)])),
  );
  const [json, setJson] = useState(JSON.stringify(given, null, 2));
  const [about, setAbout] = useState({ queue: "", delay: "", reason: "" });
  const [error, setError] = useState("");
  const why = barred("operator");
  const send = async () => {
    try {
      const params = (form === "json" ? JSON.parse(json) : paramsOf(schema, fields)) as Record<string, unknown>;
      const asked = { task: task.name, params, queue: about.queue || null, delay: about.delay ? Number(about.delay) : null, reason: about.reason };
      const { id } = await post("/api/v1/jobs", {}, asked);
      setError("");
      tell(t.task.queued, false, link(`jobs/${id}`));
    } catch (failure) {
      setError(failure instanceof SyntaxError ? t.task.badJson : wordsOf(failure));
    }
  };
  return (
    <form
      class="body"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {known.length > 0 && (
        <Segments
          label={t.task.form}
          value={form}
          choices={[{ value: "fields", text: t.task.fields }, { value: "json", text: "JSON" }]}
          onChange={setForm}
        />
      )}
      {JSON.stringify(given).includes('"***"') && <p class="w">{t.task.hidden}</p>}
      {form === "json" ? (
        <Field label={t.jobs.params}>
          <textarea class="m" rows={8} value={json} onInput={(event) => setJson(event.currentTarget.value)} />
        </Field>
      ) : (
        known.map((name) => {
          const property = schema.properties?.[name] ?? {};
          const required = schema.required?.includes(name) ?? false;
          return (
            <Field key={name} label={name} hint={`${typeOf(property)}${required ? "" : t.task.optional(text(property.default ?? null))}`}>
              <input
                class="m"
                required={required && typeOf(property) !== "string"}
                value={fields[name]}
                onInput={(event) => setFields({ ...fields, [name]: event.currentTarget.value })}
              />
            </Field>
          );
        })
      )}
      <div class="three">
        <Field label={t.jobs.queue}>
          <input class="m" placeholder={task.queue} value={about.queue} onInput={(event) => setAbout({ ...about, queue: event.currentTarget.value })} />
        </Field>
        <Field label={t.task.delay}>
          <input type="number" min={0} step="any" value={about.delay} onInput={(event) => setAbout({ ...about, delay: event.currentTarget.value })} />
        </Field>
        <Field label={t.dialog.reason}>
          <input maxLength={500} value={about.reason} onInput={(event) => setAbout({ ...about, reason: event.currentTarget.value })} />
        </Field>
      </div>
      {error && <p class="up" role="alert">{error}</p>}
      <div class="acts end">
        {why && <span class="mut">{why}</span>}
        <button class="btn p" type="submit" disabled={!!why}>
          {t.task.enqueue}
        </button>
      </div>
    </form>
  );
}
