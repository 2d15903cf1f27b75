// What can be done to single things, each with its question, its request and its word of success.
import { post, type Schemas, type Status } from "./api/client";
import { act, tell } from "./parts/basics";
import { num } from "./format";
import { ask, askFor } from "./parts/dialog";
import { t } from "./texts";

export const FAILED: Status[] = ["failed", "timeout", "maxretries"];
/** Those that jobs of a group of failures have. */
export const MEMBERS: Status[] = [...FAILED, "retry"];
const FINAL: Status[] = [...FAILED, "success", "cancel", "abort", "interrupt", "retry", "maxconcurrency"];

type Job = Pick<Schemas["JobSummary"], "id" | "task" | "queue" | "status">;

export function mayRequeue(job: Job): string | undefined {
  return FINAL.includes(job.status) ? undefined : t.job.noRequeue(job.status);
}

export function mayCancel(job: Job): string | undefined {
  return ["queued", "started", "retry", "interrupt"].includes(job.status) ? undefined : t.job.noCancel(job.status);
}

export async function requeue(job: Job, done: () => void): Promise<void> {
  const reason = await ask({ title: t.job.requeueTitle, text: job.task, confirm: t.job.requeue });
  if (reason === null) return;
  await act(() => post("/api/v1/jobs/{job_id}/requeue", { path: { job_id: job.id } }, { reason }), t.job.requeued);
  done();
}

export async function cancel(job: Job, done: () => void): Promise<void> {
  const text = `${job.task}. ${job.status === "started" ? t.job.cancelRunning : ""}`;
  const reason = await ask({ title: t.job.cancelTitle, text, confirm: t.job.cancel, danger: true });
  if (reason === null) return;
  await act(() => post("/api/v1/jobs/{job_id}/cancel", { path: { job_id: job.id } }, { reason }), t.job.cancelled);
  done();
}

export async function pauseQueue(name: string, done: () => void): Promise<void> {
  const reason = await ask({ title: t.queue.pauseTitle(name), text: t.queue.pauseText, confirm: t.queue.pause });
  if (reason === null) return;
  await act(() => post("/api/v1/queues/pause", {}, { name, reason }), t.queue.pausedNow(name));
  done();
}

export async function resumeQueue(name: string, done: () => void): Promise<void> {
  await act(() => post("/api/v1/queues/resume", {}, { name, reason: "" }), t.queue.resumedNow(name));
  done();
}

export async function emptyQueue(name: string, done: () => void): Promise<void> {
  const asked = { title: t.queue.emptyTitle(name), text: t.queue.emptyText, confirm: t.queue.empty, danger: true, typed: name };
  const reason = await ask(asked);
  if (reason === null) return;
  await act(() => post("/api/v1/queues/empty", {}, { name, reason, confirm: name }), t.queue.emptied(name));
  done();
}

type Queue = Pick<Schemas["QueueModel"], "name" | "max_concurrency" | "limit_is_own">;

export async function limitQueue(queue: Queue, done: () => void): Promise<void> {
  const value = queue.limit_is_own ? String(queue.max_concurrency ?? 0) : "";
  const given = await askFor({
    title: t.queue.limitTitle(queue.name),
    text: t.queue.limitText,
    confirm: t.schedule.save,
    fields: [{ name: "jobs", label: t.queue.limitJobs, hint: t.queue.limitHint, type: "number", min: 0, value, optional: true }],
  });
  if (given === null) return;
  const jobs = given.values.jobs?.trim();
  const wish = { name: queue.name, max_concurrency: jobs ? Math.round(Number(jobs)) : null, reason: given.reason };
  await act(() => post("/api/v1/queues/limit", {}, wish), t.queue.limited);
  done();
}

type Schedule = Pick<Schemas["ScheduleModel"], "id" | "task" | "name" | "paused">;

export async function runSchedule(schedule: Schedule, done: () => void): Promise<void> {
  const reason = await ask({ title: t.schedule.runTitle, text: schedule.name ?? schedule.task, confirm: t.schedule.run });
  if (reason === null) return;
  const asked = { path: { schedule_id: schedule.id } };
  await act(() => post("/api/v1/schedules/{schedule_id}/run", asked, { reason }), t.schedule.ran);
  done();
}

export async function pauseSchedule(schedule: Schedule, done: () => void): Promise<void> {
  const asked = { path: { schedule_id: schedule.id } };
  if (schedule.paused) {
    await act(() => post("/api/v1/schedules/{schedule_id}/resume", asked, { reason: "" }), t.schedule.resumed);
  } else {
    const reason = await ask({ title: t.schedule.pauseTitle, text: schedule.name ?? schedule.task, confirm: t.schedule.pause });
    if (reason === null) return;
    await act(() => post("/api/v1/schedules/{schedule_id}/pause", asked, { reason }), t.schedule.pausedNow);
  }
  done();
}

/** Look first how many times have no job; then, if they are wanted, queue them. */
export async function backfill(schedule: Schedule, done: () => void): Promise<void> {
  const now = new Date().toISOString().slice(0, 16);
  const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 16);
  const edges = [
    { name: "start", label: t.schedule.from, value: day, type: "datetime-local" as const },
    { name: "end", label: t.schedule.upTo, value: now, type: "datetime-local" as const },
  ];
  const asked = { path: { schedule_id: schedule.id } };
  const title = t.schedule.backfillTitle;
  const given = await askFor({ title, text: t.schedule.backfillText, confirm: t.schedule.look, fields: edges, reason: false });
  if (given === null) return;
  const wish = { start: given.values.start ?? day, end: given.values.end ?? now };
  let missing: number | undefined;
  await act(async () => {
    missing = (await post("/api/v1/schedules/{schedule_id}/backfill", asked, { ...wish, dry_run: true, reason: "" })).missing;
  });
  if (missing === undefined) return;
  if (!missing) return tell(t.schedule.nothingMissing);
  const text = t.schedule.missingTimes(num(missing));
  const reason = await ask({ title, text, confirm: t.schedule.backfillConfirm(num(missing)) });
  if (reason === null) return;
  await act(
    () => post("/api/v1/schedules/{schedule_id}/backfill", asked, { ...wish, dry_run: false, reason }),
    t.schedule.backfilled(num(missing)),
  );
  done();
}
