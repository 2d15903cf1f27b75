// Failures.
export const failures = {
  failures: {
    what: "Exception, task, message",
    first: "first seen",
    last: "last seen",
    new: "new",
    isNew: "Not seen before the last deploy",
    none: "No failed jobs. Good.",
    all: (many: string) => `all ${many}`,
    newest: (many: string) => `the newest ${many}`,
    gone: "There are no such failures any more: they were requeued, or have expired.",
    times: (many: string) => `${many} jobs.`,
    lastDay: "Last day",
    trend: (many: string, hours: number, last: string) =>
      `${many} failed in the last ${hours === 1 ? "hour" : `${hours} hours`}, ${last} of them in the last one`,
    example: "Example",
    open: "Open the job",
    share: "What these failures share",
    shareNote: (many: string) => `the newest ${many}`,
    shareNothing: "Nothing that stands out.",
    others: (share: number) => `${share} % of all`,
    jobs: "Its jobs",
    latest: "the newest 20",
    id: "Id",
    requeue: (exception: string, task: string) => `Requeue all ${exception} of ${task}`,
  },
};
