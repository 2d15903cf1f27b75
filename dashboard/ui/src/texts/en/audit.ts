// The audit log.
export const audit = {
  audit: {
    when: "When",
    who: "Who",
    what: "What",
    target: "On",
    count: "Jobs",
    about: "Why and how",
    outcome: "Outcome",
    done: "done",
    none: "Nobody has done anything yet.",
  },
};
