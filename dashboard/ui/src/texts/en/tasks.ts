// Tasks.
export const tasks = {
  task: {
    find: "Find a task",
    known: "Known from",
    growth: "Grew a run",
    none: "No task is known. Put some into TASKS, or queue a job.",
    noMatch: "No task has this in its name.",
    failed: "Its failures",
    enqueue: "Queue a job",
    like: (id: string) => `like ${id}`,
    about: "About",
    noText: "It says nothing of itself.",
    options: "Options",
    form: "Params as",
    fields: "Fields",
    optional: (text: string) => `, ${text} if left empty`,
    ownQueue: "the task's own if left empty",
    delay: "Delay, seconds",
    hidden: "Some values are hidden here; type them again.",
    badJson: "This is no JSON.",
    queued: "Queued.",
  },
};
