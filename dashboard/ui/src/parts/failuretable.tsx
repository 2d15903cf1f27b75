import type { Schemas } from "../api/client";
import { count, num } from "../format";
import { requeueGroup } from "../pages/overview";
import { link } from "../router";
import { barred } from "../session";
import { t } from "../texts";
import { Ago, Button, Empty, Heads, Table } from "./basics";
import { Spark } from "./charts";
import { useSteady } from "./hooks";

export function NewTag({ group }: { group: Schemas["FailureGroup"] }) {
  return group.new ? <span class="tag new" title={t.failures.isNew}>{t.failures.new}</span> : null;
}

/** How many failed in each hour of the last day. Hours of very many failures are not known from the beginning on. */
export function Trend({ group }: { group: Schemas["FailureGroup"] }) {
  const known = group.trend.filter((many) => many !== null);
  const last = known.at(-1) ?? 0;
  const text = t.failures.trend(num(known.reduce((sum, many) => sum + many, 0)), known.length, num(last));
  return (
    <span title={text}>
      <Spark values={group.trend} kind="bad" label={text} />
    </span>
  );
}

export function FailureTable({ groups, refresh }: { groups: Schemas["FailureGroup"][]; refresh: () => void }) {
  const [shown, holds] = useSteady(groups, (group) => group.fingerprint);
  if (!groups.length) return <Empty>{t.failures.none}</Empty>;
  const head = (
    <Heads
      of={[
        t.failures.what, t.failures.lastDay, [t.overview.jobsHead, "n"], [t.failures.first, "n"], [t.failures.last, "n"], null,
      ]}
    />
  );
  return (
    <div {...holds}>
      <Table label={t.pages.failures} head={head}>
        {shown.map((group) => (
          <tr key={group.fingerprint}>
            <td class="ex">
              <a class="e" data-row href={link(`failures/${group.fingerprint}`)}>
                {group.exceptiontype}
              </a>{" "}
              <NewTag group={group} />
              <span class="p" title={group.message}>
                <span class="m">{group.task}</span>{group.message && `: ${group.message}`}
              </span>
            </td>
            <td>
              <Trend group={group} />
            </td>
            <td class="n">
              <b>{count(group)}</b>
            </td>
            <td class="n mut">
              <Ago at={group.first} />
            </td>
            <td class="n mut">
              <Ago at={group.last} />
            </td>
            <td class="n">
              <Button
                icon="requeue"
                kind="q"
                label={t.failures.requeue(group.exceptiontype, group.task)}
                barred={barred("operator")}
                onClick={() => requeueGroup(group, refresh)}
              />
            </td>
          </tr>
        ))}
      </Table>
    </div>
  );
}
