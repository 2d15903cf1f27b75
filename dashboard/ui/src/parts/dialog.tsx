// Questions before an action: what will happen, why, and for the gravest the name typed again.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { store } from "../store";
import { t } from "../texts";
import { Icon } from "./icons";

interface Question {
  title: string;
  text?: ComponentChildren;
  confirm: string;
  danger?: boolean;
  /** To be typed before the button works. */
  typed?: string;
  /** Whether a reason is asked for. */
  reason?: boolean;
  fields?: AskedField[];
  answer: (given: Given | null) => void;
}

/** One thing more that is asked for. */
export interface AskedField {
  name: string;
  label: string;
  hint?: string;
  value: string;
  type?: "number" | "datetime-local" | "text";
  /** May it be left empty? */
  optional?: boolean;
  min?: number;
  max?: number;
  choices?: { value: string; text: string }[];
}

export interface Given {
  reason: string;
  values: Record<string, string>;
}

const asked = store<Question | null>(null);

/** Ask; the reason (maybe empty), or null if it was called off. */
export async function ask(question: Omit<Question, "answer" | "fields">): Promise<string | null> {
  return (await askFor({ ...question, fields: [] }))?.reason ?? null;
}

/** Ask, and for some values too; null if it was called off. */
export function askFor(question: Omit<Question, "answer">): Promise<Given | null> {
  return new Promise((resolve) => asked.set({ reason: true, ...question, answer: resolve }));
}

export function Questions() {
  const question = asked.use();
  return question && <Ask key={question.title} question={question} />;
}

function Ask({ question }: { question: Question }) {
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const [values, setValues] = useState(Object.fromEntries((question.fields ?? []).map((each) => [each.name, each.value])));
  const ready = question.typed === undefined || typed === question.typed;
  const end = (answer: Given | null) => {
    asked.set(null);
    question.answer(answer);
  };
  return (
    <Dialog title={question.title} onClose={() => end(null)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) end({ reason, values });
        }}
      >
        {question.text && <div class="text">{question.text}</div>}
        {question.fields?.map((field) => (
          <Field key={field.name} label={field.label} hint={field.hint}>
            <Input field={field} value={values[field.name] ?? ""} change={(value) => setValues({ ...values, [field.name]: value })} />
          </Field>
        ))}
        {question.typed !== undefined && (
          <Field label={t.dialog.typeName(question.typed)}>
            <input autocomplete="off" value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
          </Field>
        )}
        {question.reason && (
          <Field label={t.dialog.reason}>
            <input maxLength={500} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
          </Field>
        )}
        <FormEnd text={question.confirm} danger={question.danger} disabled={!ready} close={() => end(null)} />
      </form>
    </Dialog>
  );
}

function Input({ field, value, change }: { field: AskedField; value: string; change: (value: string) => void }) {
  if (field.choices) {
    return (
      <select value={value} onChange={(event) => change(event.currentTarget.value)}>
        {field.choices.map((each) => (
          <option key={each.value} value={each.value}>
            {each.text}
          </option>
        ))}
      </select>
    );
  }
  return (
    <input
      type={field.type ?? "text"}
      required={!field.optional}
      min={field.min}
      max={field.max}
      step={field.type === "number" ? "any" : 1}
      value={value}
      onInput={(event) => change(event.currentTarget.value)}
    />
  );
}

/** The buttons below a form: leave it, or send it. */
export function FormEnd(props: { text: string; danger?: boolean; disabled?: boolean; close: () => void }) {
  return (
    <div class="acts end">
      <button class="btn" type="button" onClick={props.close}>
        {t.dialog.no}
      </button>
      <button class={`btn ${props.danger ? "bad" : "p"}`} type="submit" disabled={props.disabled}>
        {props.text}
      </button>
    </div>
  );
}

interface DialogProps {
  title: string;
  wide?: boolean;
  onClose: () => void;
  children: ComponentChildren;
}

/** The browser's own dialog: it keeps the focus inside, Escape closes it, the page behind is inert. */
export function Dialog({ title, wide, onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    ref.current?.showModal();
    return () => before?.focus?.();
  }, []);
  return (
    <dialog
      ref={ref}
      class={wide ? "wide" : ""}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === ref.current && onClose()}
    >
      <header>
        <h2>{title}</h2>
        <button class="btn q" type="button" aria-label={t.dialog.close} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div class="body">{children}</div>
    </dialog>
  );
}

export function Field(props: { label: string; hint?: string; error?: string; children: ComponentChildren }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      {props.children}
      {props.hint && <small>{props.hint}</small>}
      {props.error && <small class="up">{props.error}</small>}
    </label>
  );
}
