// Who one is, how this page shows itself, how long things are kept, and who comes in by what.
import type { Schemas } from "../api/client";
import { pace, useLive, type Live } from "../api/live";
import { duration, localTime } from "../format";
import { act, Card, Empty, Heads, Pill, Segments, Table } from "../parts/basics";
import { link } from "../router";
import { logOut, session } from "../session";
import { theme } from "../theme";
import { t } from "../texts";

type Told = Schemas["SettingsModel"];

export function SettingsPage() {
  const told = useLive("/api/v1/settings", {}, 0);
  return (
    <>
      <div class="column s6">
        <You />
        <Servers />
        <Ways live={told} />
      </div>
      <div class="column s6">
        <ThisPage />
        <Kept live={told} />
      </div>
    </>
  );
}

function You() {
  const who = session.use();
  return (
    <Card title={t.settings.you} span={0}>
      <dl class="kv body">
        <dt>{t.settings.user}</dt>
        <dd>{who?.user}</dd>
        <dt>{t.settings.role}</dt>
        <dd>{who?.role} <small class="mut">{who?.role && t.settings.roles[who.role]}</small></dd>
        <dt>{t.settings.how}</dt>
        <dd>{who?.how && t.settings.hows[who.how]}</dd>
        <dt>{t.settings.scope}</dt>
        <dd class="m">{who?.queues ? who.queues.join(" ") : t.settings.everything}</dd>
      </dl>
      {who?.how === "session" && (
        <div class="body">
          <button class="btn" type="button" onClick={() => void act(logOut)}>{t.settings.logOut}</button>
        </div>
      )}
    </Card>
  );
}

function Servers() {
  const who = session.use();
  const ready = useLive("/ready", {}, 2);
  return (
    <Card title={t.settings.servers} span={0}>
      <dl class="kv body">
        <dt>MongoDB</dt>
        <dd><Answers ok={ready.data?.mongodb ?? (ready.error ? undefined : null)} /></dd>
        <dt>Redis</dt>
        <dd><Answers ok={ready.data?.redis ?? (ready.error ? undefined : null)} /></dd>
        <dt>{t.settings.version}</dt>
        <dd>MRQ {who?.version}</dd>
        <dt>API</dt>
        <dd>
          <a class="under" href={link("api/v1/openapi.json")}>api/v1/openapi.json</a>
        </dd>
      </dl>
    </Card>
  );
}

function ThisPage() {
  return (
    <Card title={t.settings.page} span={0}>
      <dl class="kv body">
        <dt>{t.settings.theme}</dt>
        <dd>
          <Segments
            label={t.settings.theme}
            value={theme.use()}
            choices={(["system", "light", "dark"] as const).map((value) => ({ value: value as string, text: t.settings.themes[value] }))}
            onChange={theme.set}
          />
        </dd>
        <dt>{t.settings.clock}</dt>
        <dd>
          <Segments
            label={t.settings.clock}
            value={localTime.use()}
            choices={[{ value: "utc", text: "UTC" }, { value: "local", text: t.local }]}
            onChange={localTime.set}
          />
        </dd>
        <dt>{t.settings.pace}</dt>
        <dd>
          <Segments
            label={t.settings.pace}
            value={pace.use()}
            choices={["1", "2", "5", "10", "60"].map((value) => ({ value, text: t.settings.seconds(value) }))}
            onChange={pace.set}
          />
        </dd>
      </dl>
    </Card>
  );
}

const DAY = 86_400;
const keptFor = (seconds: number) => (seconds && seconds % DAY === 0 ? t.settings.days(seconds / DAY) : duration(seconds));

/** How long what is kept. */
function Kept({ live }: { live: Live<Told> }) {
  return (
    <Card title={t.settings.retention} sub={t.settings.retentionNote} span={0} live={live}>
      <Table label={t.settings.retention} head={<Heads of={[t.settings.record, [t.settings.keptFor, "n"], t.settings.setting]} />}>
        {live.data?.retention.map((each) => (
          <tr key={each.record}>
            <td>{t.settings.records[each.record]}</td>
            <td class="n">{keptFor(each.seconds)}</td>
            <td class="m mut">{each.setting ?? t.dash}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

/** Who comes in by what: names and roles, never secrets. */
function Ways({ live }: { live: Live<Told> }) {
  const ways = live.data?.ways;
  return (
    <Card title={t.settings.ways} sub={t.settings.waysNote} span={0} live={live}>
      {ways?.length ? (
        <Table label={t.settings.ways} head={<Heads of={[t.settings.user, t.settings.role, t.settings.scope, t.settings.setting]} />}>
          {ways.map((each) => (
            <Way key={each.way} way={each} />
          ))}
        </Table>
      ) : (
        <Empty>{ways ? t.settings.waysOpen : t.settings.waysBarred}</Empty>
      )}
    </Card>
  );
}

function Way({ way }: { way: Schemas["WayIn"] }) {
  const kind = t.settings.wayNames[way.way];
  return (
    <>
      {way.entrants.map((each) => (
        <tr key={each.name}>
          <td class="ex">
            <b>{each.name}</b>
            <span class="p">{kind}</span>
          </td>
          <td>{each.role}</td>
          <td class="m">{each.queues ? each.queues.join(" ") : t.settings.everything}</td>
          <td class="m mut">{way.setting}</td>
        </tr>
      ))}
      {way.by !== null && (
        <tr>
          <td class="ex">
            <b>{t.settings.rest}</b>
            <span class="p">{kind} {way.by}</span>
          </td>
          <td>{way.role ?? t.settings.refused}</td>
          <td class="m">{way.role && t.settings.everything}</td>
          <td class="m mut">{way.setting}</td>
        </tr>
      )}
    </>
  );
}

function Answers({ ok }: { ok: boolean | null | undefined }) {
  if (ok === null) return <span class="mut">{t.loading}</span>;
  return ok ? <Pill kind="success" icon="check">{t.settings.answers}</Pill> : <Pill kind="failed" icon="close">{t.settings.silent}</Pill>;
}
