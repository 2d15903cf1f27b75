// One action on all jobs that match: the count first, then its progress, and a way to stop it.
import { useEffect, useState } from "preact/hooks";
import { post, type JobFilter, type Schemas } from "../api/client";
import { useLive } from "../api/live";
import { count, num } from "../format";
import { link } from "../router";
import { wordsOf } from "../session";
import { store } from "../store";
import { t } from "../texts";
import { act, Pill } from "./basics";
import { Dialog, Field } from "./dialog";

type Action = Schemas["Action"];

interface Wish {
  action: Action;
  filter: JobFilter;
  /** The filter in words. */
  words: string;
  done?: () => void;
}

const wished = store<Wish | null>(null);

export function bulk(wish: Wish): void {
  wished.set(wish);
}

export function Bulks() {
  const wish = wished.use();
  return wish && <Bulk wish={wish} />;
}

function Bulk({ wish }: { wish: Wish }) {
  const [total, setTotal] = useState<Schemas["Count"]>();
  const [error, setError] = useState("");
  const [operation, setOperation] = useState<string>();
  const close = () => {
    wished.set(null);
    wish.done?.();
  };
  useEffect(() => {
    post("/api/v1/operations", {}, { action: wish.action, filter: wish.filter, reason: "", dry_run: true }).then(
      (found) => setTotal(found.total),
      (failure) => setError(wordsOf(failure)),
    );
  }, []);
  return (
    <Dialog title={t.bulk.title[wish.action]} onClose={close}>
      {error ? (
        <p class="up" role="alert">
          {error}
        </p>
      ) : operation ? (
        <Running id={operation} close={close} />
      ) : total === undefined ? (
        <p aria-busy="true">{t.bulk.counting}</p>
      ) : (
        <Confirm wish={wish} total={total} close={close} begun={setOperation} failed={setError} />
      )}
    </Dialog>
  );
}

interface ConfirmProps {
  wish: Wish;
  total: Schemas["Count"];
  close: () => void;
  begun: (id: string) => void;
  failed: (words: string) => void;
}

function Confirm({ wish, total, close, begun, failed }: ConfirmProps) {
  const [reason, setReason] = useState("");
  const [queue, setQueue] = useState("");
  const begin = async () => {
    const asked = { action: wish.action, filter: wish.filter, reason, queue: queue || null, dry_run: false };
    try {
      const found = await post("/api/v1/operations", {}, asked);
      if (found.operation) begun(found.operation.id);
    } catch (failure) {
      failed(wordsOf(failure));
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void begin();
      }}
    >
      <p>
        <b class="big">{t.jobs.many(count(total), total.jobs)}</b> {t.bulk.match} <span class="m">{wish.words}</span>
      </p>
      <p class="mut">{t.bulk.about[wish.action]}</p>
      {wish.action === "requeue" && (
        <Field label={t.bulk.queue}>
          <input class="m" value={queue} onInput={(event) => setQueue(event.currentTarget.value)} />
        </Field>
      )}
      <Field label={t.dialog.reason}>
        <input maxLength={500} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
      </Field>
      <div class="acts end">
        <button class="btn" type="button" onClick={close}>
          {t.dialog.no}
        </button>
        <button class={`btn ${wish.action === "cancel" ? "bad" : "p"}`} type="submit" disabled={!total.jobs}>
          {t.bulk.confirm[wish.action](count(total))}
        </button>
      </div>
    </form>
  );
}

function Running({ id, close }: { id: string; close: () => void }) {
  const live = useLive("/api/v1/operations/{operation_id}", { path: { operation_id: id } }, 0.5);
  const found = live.data;
  return (
    <div>
      {found ? <Progress operation={found} /> : <p aria-busy="true">{t.loading}</p>}
      <div class="acts end">
        <a class="btn q" href={link("operations")} onClick={close}>
          {t.bulk.all}
        </a>
        {found?.state === "running" && (
          <button
            class="btn"
            type="button"
            onClick={() =>
              act(() => post("/api/v1/operations/{operation_id}/stop", { path: { operation_id: id } }, undefined)).then(
                live.refresh,
              )
            }
          >
            {t.bulk.stop}
          </button>
        )}
        <button class="btn p" type="button" onClick={close}>
          {t.dialog.close}
        </button>
      </div>
    </div>
  );
}

export function OperationState({ state }: { state: Schemas["OperationState"] }) {
  const kinds = {
    running: ["started", "play"],
    stopping: ["retry", "pause"],
    stopped: ["queued", "crossed"],
    done: ["success", "check"],
    broken: ["failed", "close"],
  } as const;
  const [kind, icon] = kinds[state];
  return (
    <Pill kind={kind} icon={icon}>
      {t.bulk.states[state]}
    </Pill>
  );
}

export function Progress({ operation }: { operation: Schemas["OperationModel"] }) {
  const total = Math.max(operation.total.jobs, operation.found);
  return (
    <div class="progress">
      <p>
        <OperationState state={operation.state} /> {t.bulk.moved(num(operation.moved), count(operation.total))}
      </p>
      <progress max={Math.max(1, total)} value={operation.state === "done" ? Math.max(1, total) : operation.found} aria-label={t.bulk.progress} />
      {operation.error && <p class="up">{operation.error}</p>}
    </div>
  );
}
