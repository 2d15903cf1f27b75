// What failed jobs of a group have, and other jobs of the task don't.
import type { ComponentChildren } from "preact";
import type { Schemas } from "../api/client";
import { useLive } from "../api/live";
import { num, short } from "../format";
import { link } from "../router";
import { t } from "../texts";
import { Card, Empty } from "./basics";

interface SharedParamsProps {
  found: Schemas["FailureDetails"];
  span: number;
  tools?: ComponentChildren;
}

export function SharedParams({ found, span, tools }: SharedParamsProps) {
  return (
    <Card title={t.failures.share} sub={t.failures.shareNote(num(found.compared))} span={span} tools={tools}>
      {found.shared.length ? (
        <div class="shr beside body">
          {found.shared.map(({ name, value, members, others }) => {
            const text = `${name} = ${short(value, 60)}`;
            return (
              <>
                <span class="m cut" title={text}>{text}</span>
                <meter min={0} max={1} value={members} aria-label={text} />
                <span class="n">{Math.round(members * 100)} %</span>
                <span class="n mut">{others !== null && t.failures.others(Math.round(others * 100))}</span>
              </>
            );
          })}
        </div>
      ) : (
        <Empty>{t.failures.shareNothing}</Empty>
      )}
    </Card>
  );
}

/** The same beside one of these jobs; nothing where the group is gone. */
export function SharedWith({ fingerprint }: { fingerprint: string }) {
  const live = useLive("/api/v1/failures/{fingerprint}", { path: { fingerprint } }, 5);
  const to = <a class="btn" href={link(`failures/${fingerprint}`)}>{t.overview.seeGroup}</a>;
  return live.data ? <SharedParams found={live.data} span={0} tools={to} /> : null;
}
