// What can be done to single things, each with its question, its request and its word of success.
import { post, type Schemas, type Status } from "./api/client";
import { act } from "./parts/basics";
import { ask } from "./parts/dialog";
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
