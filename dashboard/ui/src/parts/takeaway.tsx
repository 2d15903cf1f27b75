// A list as a file that the server writes.
import { t } from "../texts";
import { Icon } from "./icons";

export function TakeAway({ what, to }: { what: string; to: (format: "csv" | "jsonl") => string }) {
  return (
    <>
      <a class="btn q" href={to("csv")} download title={t.takeAway.csv(what)}>
        <Icon name="download" />
        CSV
      </a>
      <a class="btn q" href={to("jsonl")} download title={t.takeAway.json(what)}>
        <Icon name="download" />
        JSON
      </a>
    </>
  );
}
