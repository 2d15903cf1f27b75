// Failures.
export const failures = {
  failures: {
    what: "Exception, task, message",
    first: "first seen",
    last: "last seen",
    none: "No failed jobs. Good.",
    all: (many: string) => `all ${many}`,
    newest: (many: string) => `the newest ${many}`,
    gone: "There are no such failures any more: they were requeued, or have expired.",
    times: (many: string) => `${many} jobs.`,
    trend: (many: string) => `Failures an hour in the last day, of the newest ${many}`,
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
