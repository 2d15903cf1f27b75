// The audit log, and bulk actions.
import type { Schemas } from "../api/client";
import { address, post } from "../api/client";
import { useLive } from "../api/live";
import { exact, num, short } from "../format";
import { act, Ago, Card, Clock, Empty, Heads, Pill, Table } from "../parts/basics";
import { OperationState } from "../parts/bulk";
import { TakeAway } from "../parts/takeaway";
import { link, place, withQuery } from "../router";
import { barred } from "../session";
import { t } from "../texts";

export function AuditPage() {
  const { query } = place.use();
  const which = { user: query.get("user"), target: query.get("target") };
  const live = useLive("/api/v1/audit", { query: { ...which, limit: 100, after: query.get("after") } }, 2);
  const found = live.data;
  const head = (
    <Heads
      of={[
        t.audit.when, t.audit.who, t.audit.what, t.audit.target, [t.audit.count, "n"], t.audit.about,
        t.audit.outcome,
      ]}
    />
  );
  return (
    <Card
      title={t.pages.audit}
      live={live}
      sub={which.user ?? which.target ?? undefined}
      tools={
        <TakeAway
          what={t.takeAway.entries}
          to={(format) => address("/api/v1/audit/export", { query: { ...which, format } })}
        />
      }
    >
      {found?.entries.length ? (
        <Table label={t.pages.audit} head={head}>
          {found.entries.map((entry) => (
            <Entry key={entry.id} entry={entry} />
          ))}
        </Table>
      ) : (
        <Empty>{t.audit.none}</Empty>
      )}
      <Pager next={found?.next ?? null} />
    </Card>
  );
}

function Entry({ entry }: { entry: Schemas["AuditEntryModel"] }) {
  const about = JSON.stringify(entry.about ?? {});
  return (
    <tr>
      <td title={exact(entry.date)}>
        <Clock at={entry.date} />
      </td>
      <td>
        <a href={link("audit", { user: entry.who })}>
          <b>{entry.who}</b>
        </a>
      </td>
      <td class="m">{entry.what}</td>
      <td class="m cut">
        <a href={link("audit", { target: entry.target })}>{entry.target}</a>
      </td>
      <td class="n">{entry.count === null ? "" : num(entry.count)}</td>
      <td class="ex">
        {entry.reason && <span>“{entry.reason}”</span>}
        {about !== "{}" && <span class="p m" title={short(about, 800)}>{short(about, 200)}</span>}
      </td>
      <td>
        {entry.outcome === "done" ? (
          <Pill kind="success" icon="check">{t.audit.done}</Pill>
        ) : (
          <Pill kind="failed" icon="close">{entry.outcome}</Pill>
        )}
      </td>
    </tr>
  );
}

function Pager({ next }: { next: string | null }) {
  const after = place.use().query.get("after");
  return (
    <nav class="pager" aria-label={t.jobs.pager}>
      {after && (
        <button class="btn" type="button" onClick={() => withQuery({ after: null }, { replace: false })}>
          {t.jobs.first.newest}
        </button>
      )}
      {next && (
        <button class="btn" type="button" onClick={() => withQuery({ after: next }, { replace: false })}>
          {t.jobs.goOn.newest}
        </button>
      )}
    </nav>
  );
}

export function OperationsPage() {
  const after = place.use().query.get("after");
  const live = useLive("/api/v1/operations", { query: { limit: 50, after } });
  const stop = (id: string) =>
    act(() => post("/api/v1/operations/{operation_id}/stop", { path: { operation_id: id } }, undefined)).then(live.refresh);
  const head = (
    <Heads
      of={[
        t.audit.when, t.audit.who, t.audit.what, t.jobs.status, [t.bulk.movedHead, "n"], t.audit.about, null,
      ]}
    />
  );
  return (
    <Card title={t.pages.operations} sub={t.bulk.kept} live={live}>
      {live.data?.operations.length ? (
        <Table label={t.pages.operations} head={head}>
          {live.data.operations.map((each) => (
            <tr key={each.id}>
              <td><Ago at={each.started} /></td>
              <td><b>{each.who}</b></td>
              <td>{t.bulk.names[each.action as "cancel" | "requeue"] ?? each.action}</td>
              <td><OperationState state={each.state} /></td>
              <td class="n">
                {num(each.moved)} <span class="mut">/ {num(each.total.jobs)}</span>
              </td>
              <td class="ex">
                {each.reason && <span>“{each.reason}”</span>}
                <span class="p m">{short(each.filter, 200)}</span>
                {each.error && <span class="up">{each.error}</span>}
              </td>
              <td class="n">
                {each.state === "running" && !barred("operator") && (
                  <button class="btn" type="button" onClick={() => stop(each.id)}>{t.bulk.stop}</button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      ) : (
        <Empty>{t.overview.noActions}</Empty>
      )}
      <Pager next={live.data?.next ?? null} />
    </Card>
  );
}
