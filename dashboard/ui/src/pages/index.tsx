// Which page an address names.
import type { ComponentChild } from "preact";
import { Card, Empty } from "../parts/basics";
import { later } from "../parts/later";
import { t } from "../texts";
import { FailurePage, FailuresPage } from "./failures";
import { JobPage } from "./job";
import { JobsPage } from "./jobs";
import { OverviewPage } from "./overview";
import { QueuePage, QueuesPage } from "./queues";
import { SchedulePage, SchedulesPage } from "./schedules";
import { TaskPage, TasksPage } from "./tasks";
import { IoPage } from "./io";
import { WorkerPage, WorkersPage } from "./workers";

const AuditPage = later(() => import("./audit").then((part) => part.AuditPage));
const OperationsPage = later(() => import("./audit").then((part) => part.OperationsPage));
const ProfilePage = later(() => import("./profiles").then((part) => part.ProfilePage));
const ProfilesPage = later(() => import("./profiles").then((part) => part.ProfilesPage));
const SettingsPage = later(() => import("./settings").then((part) => part.SettingsPage));

interface Found {
  name: keyof typeof t.pages;
  page: ComponentChild;
}

export function pageAt([name = "", id]: string[]): Found {
  switch (name) {
    case "":
      return { name: "overview", page: <OverviewPage /> };
    case "jobs":
      return id ? { name: "job", page: <JobPage id={id} /> } : { name: "jobs", page: <JobsPage /> };
    case "queues":
      return id ? { name: "queue", page: <QueuePage /> } : { name: "queues", page: <QueuesPage /> };
    case "failures":
      return id ? { name: "failure", page: <FailurePage fingerprint={id} /> } : { name: "failures", page: <FailuresPage /> };
    case "workers":
      return id ? { name: "worker", page: <WorkerPage id={id} /> } : { name: "workers", page: <WorkersPage /> };
    case "schedules":
      return id ? { name: "schedule", page: <SchedulePage id={id} /> } : { name: "schedules", page: <SchedulesPage /> };
    case "tasks":
      return id ? { name: "task", page: <TaskPage /> } : { name: "tasks", page: <TasksPage /> };
    case "io":
      return { name: "io", page: <IoPage /> };
    case "profiles":
      return id ? { name: "profile", page: <ProfilePage id={id} /> } : { name: "profiles", page: <ProfilesPage /> };
    case "operations":
      return { name: "operations", page: <OperationsPage /> };
    case "audit":
      return { name: "audit", page: <AuditPage /> };
    case "settings":
      return { name: "settings", page: <SettingsPage /> };
    default:
      return {
        name: "missing",
        page: (
          <Card label={t.pages.missing}>
            <Empty>{t.missing}</Empty>
          </Card>
        ),
      };
  }
}
