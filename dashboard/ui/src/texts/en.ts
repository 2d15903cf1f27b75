// English. Text with a number or a name in it is a function, so that other languages may order words as they need.
import { audit } from "./en/audit";
import { failures } from "./en/failures";
import { fleet } from "./en/fleet";
import { frame } from "./en/frame";
import { jobs } from "./en/jobs";
import { overview } from "./en/overview";
import { queues } from "./en/queues";
import { schedules } from "./en/schedules";
import { tasks } from "./en/tasks";

export const en = { ...audit, ...failures, ...fleet, ...frame, ...jobs, ...overview, ...queues, ...schedules, ...tasks };
