// Make a worker group, or let it say something else.
import { useState } from "preact/hooks";
import { put, type Schemas } from "../api/client";
import { wordsOf } from "../session";
import { t } from "../texts";
import { tell } from "./basics";
import { Dialog, Field, FormEnd } from "./dialog";

type Group = Schemas["GroupModel"];

class BadInput extends Error {}

function parsed(text: string, label: string): Record<string, unknown> | null {
  if (!text.trim()) return null;
  try {
    const found: unknown = JSON.parse(text);
    if (found !== null && typeof found === "object" && !Array.isArray(found)) return found as Record<string, unknown>;
  } catch {
    // said below
  }
  throw new BadInput(t.groups.badJson(label));
}

const written = (value: unknown) => (value === null || value === undefined ? "" : JSON.stringify(value, null, 2));

function cloudOf(group: Group | undefined): string {
  const cloud = Object.fromEntries(Object.entries({ ecs: group?.ecs, burst: group?.burst }).filter(([, value]) => value));
  return Object.keys(cloud).length ? written(cloud) : "";
}

export function GroupForm({ group, close, saved }: { group?: Group; close: () => void; saved: () => void }) {
  const [name, setName] = useState(group?.name ?? "");
  const [commands, setCommands] = useState(group?.commands.join("\n") ?? "");
  const [patience, setPatience] = useState(group?.process_termination_timeout?.toString() ?? "");
  const [sizing, setSizing] = useState(written(group?.sizing));
  const [cloud, setCloud] = useState(cloudOf(group));
  const [reason, setReason] = useState("");
  const [error, setError] = useState("");
  const hidden = [commands, sizing, cloud].some((text) => text.includes("***"));
  const save = async () => {
    try {
      const more = parsed(cloud, t.groups.more) ?? {};
      await put("/api/v1/worker_groups", {}, {
        name: name.trim(),
        commands: commands.split("\n").map((line) => line.trim()).filter(Boolean),
        process_termination_timeout: patience ? Number(patience) : null,
        sizing: parsed(sizing, t.groups.sizing),
        ecs: (more.ecs as Record<string, unknown> | undefined) ?? null,
        burst: (more.burst as Record<string, unknown> | undefined) ?? null,
        revision: group?.revision ?? null,
        reason,
      });
      tell(t.groups.saved);
      saved();
      close();
    } catch (failure) {
      setError(failure instanceof BadInput ? failure.message : wordsOf(failure));
    }
  };
  return (
    <Dialog title={group ? `${t.groups.edit} ${group.name}` : t.groups.add} wide onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {!group && (
          <Field label={t.groups.name}>
            <input class="m" required pattern="[A-Za-z0-9_.:@\-]+" maxLength={200} value={name} onInput={(event) => setName(event.currentTarget.value)} />
          </Field>
        )}
        <Field label={t.groups.commands} hint={t.groups.commandsHint}>
          <textarea class="m" rows={4} value={commands} onInput={(event) => setCommands(event.currentTarget.value)} />
        </Field>
        <Field label={t.groups.timeout} hint={t.groups.timeoutHint}>
          <input type="number" min={0} step="any" value={patience} onInput={(event) => setPatience(event.currentTarget.value)} />
        </Field>
        <Field label={t.groups.sizing} hint={t.groups.sizingHint}>
          <textarea class="m" rows={sizing ? 7 : 2} value={sizing} onInput={(event) => setSizing(event.currentTarget.value)} />
        </Field>
        <Field label={t.groups.more} hint={t.groups.moreHint}>
          <textarea class="m" rows={cloud ? 5 : 2} value={cloud} onInput={(event) => setCloud(event.currentTarget.value)} />
        </Field>
        <Field label={t.dialog.reason}>
          <input maxLength={500} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        </Field>
        {hidden && <p class="w">{t.groups.hidden}</p>}
        {error && (
          <p class="up" role="alert">
            {error}
          </p>
        )}
        <FormEnd text={t.schedule.save} close={close} />
      </form>
    </Dialog>
  );
}
