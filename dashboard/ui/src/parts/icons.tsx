// Line icons, 16 × 16; no font, no file.
const PATHS = {
  overview: "M2 7.5 8 2.5l6 5V13.5H10V9.5H6v4H2z",
  jobs: "M2.5 3h11v10h-11zM5 6.2h6M5 9.6h4",
  queues: "M2 4h12M2 8h12M2 12h7",
  failures: "M8 2.2 14.3 13H1.7zM8 6.3v3M8 11.2v.1",
  workers: "M3 3h10v4.4H3zM3 8.8h10v4.4H3zM5.3 5.2h.1M5.3 11h.1",
  schedules: "M8 2.2a5.8 5.8 0 1 0 .01 0M8 5v3.2l2.2 1.4",
  tasks: "M2.5 3h4.5v4.5H2.5zM9 3h4.5v4.5H9zM2.5 9h4.5v4.5H2.5zM9 9h4.5v4.5H9z",
  io: "M2 11.5 5 6l3 4 2.4-6L14 11.5",
  operations: "M2.5 4.5 4 6l2.5-3M8.5 4.5H14M2.5 10.5 4 12l2.5-3M8.5 10.5H14",
  profiles: "M2 13.5h12M3.5 11h9M5 8.5h6M6.5 6h3M7.5 3.5h1",
  stop: "M4 4h8v8H4z",
  audit: "M4 2.2h8v11.6H4zM6 5.2h4M6 8h4M6 10.8h2",
  settings:
    "M8 5.7a2.3 2.3 0 1 0 .01 0M8 1.8v2M8 12.2v2M1.8 8h2M12.2 8h2M3.6 3.6 5 5M11 11l1.4 1.4M12.4 3.6 11 5M5 11l-1.4 1.4",
  search: "M7 2.5a4.5 4.5 0 1 0 .01 0M10.4 10.4 14 14",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M4.5 3 12.5 8l-8 5z",
  theme: "M8 2.5a5.5 5.5 0 1 0 .01 0M8 2.5v11",
  requeue: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5V5h-2.6",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  terminal: "M2.5 4.5 6 8l-3.5 3.5M8 12h5.5",
  download: "M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13h10",
  close: "M4 4l8 8M12 4l-8 8",
  up: "M4 10l4-4 4 4",
  down: "M4 6l4 4 4-4",
  sort: "M5 6.5l3-3 3 3M5 9.5l3 3 3-3",
  check: "M3 8.5 6.5 12 13 4.5",
  ring: "M8 3a5 5 0 1 0 .01 0",
  crossed: "M8 3a5 5 0 1 0 .01 0M4.6 4.6l6.8 6.8",
  clock: "M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2l2 1.3",
  filter: "M2.5 3.5h11L9.5 8.5v4l-3-1.5v-2.5z",
  plus: "M8 3v10M3 8h10",
  edit: "M3 13l.6-3L11 2.6 13.4 5 6 12.4zM9.5 4.1l2.4 2.4",
  keyboard: "M1.5 4.5h13v7h-13zM4 7h.1M6.5 7h.1M9 7h.1M11.5 7h.1M5 9.3h6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="i" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
