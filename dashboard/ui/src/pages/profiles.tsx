// Profiles of workers: the newest, and one as a flame graph.
import { get, type Schemas } from "../api/client";
import { useLive } from "../api/live";
import { clock, duration, num } from "../format";
import { order } from "../orders";
import { Ago, Broken, Button, Card, Empty, Facts, Heads, Loading, Table, tell, Th, type Fact } from "../parts/basics";
import { askFor } from "../parts/dialog";
import { callsOf, FlameGraph } from "../parts/flame";
import { useParam } from "../parts/hooks";
import { link } from "../router";
import { barred, wordsOf } from "../session";
import { t } from "../texts";

const IDLE = "(no job)";
const MOST_CALLS = 25;

async function start(done: () => void): Promise<void> {
  let workers: Schemas["WorkerModel"][];
  try {
    workers = (await get("/api/v1/workers", {})).workers;
  } catch (error) {
    return tell(wordsOf(error), true);
  }
  if (!workers.length) return tell(t.profiles.noWorkers, true);
  const choices = workers.map((worker) => ({ value: worker.id, text: `${worker.name} (${worker.queues.join(" ")})` }));
  const given = await askFor({
    title: t.profiles.start,
    confirm: t.profiles.start,
    reason: false,
    fields: [{ name: "worker", label: t.profiles.worker, value: workers[0]?.id ?? "", choices }],
  });
  const chosen = workers.find((worker) => worker.id === given?.values.worker);
  if (chosen) await order(chosen, "profile", done);
}

export function ProfilesPage() {
  return <ProfilesCard span={12} />;
}

/** The newest profiles, of one worker or of all. */
export function ProfilesCard({ worker, span }: { worker?: string; span: number }) {
  const live = useLive("/api/v1/profiles", { query: { worker, limit: worker ? 5 : 50 } }, 3);
  const found = live.data?.profiles ?? [];
  const head = (
    <>
      <Th>{t.profiles.at}</Th>
      {!worker && <Th>{t.workers.worker}</Th>}
      <Th>{t.profiles.busiest}</Th>
      <Th n>{t.profiles.took}</Th>
      <Th n>{t.profiles.samples}</Th>
    </>
  );
  const tools = !worker && (
    <Button icon="profiles" barred={barred("operator")} onClick={() => void start(live.refresh)}>
      {t.profiles.start}
    </Button>
  );
  return (
    <Card title={t.pages.profiles} sub={t.profiles.kept} span={span} live={live} tools={tools}>
      {found.length ? (
        <Table label={t.pages.profiles} head={head}>
          {found.map((profile) => (
            <tr key={profile.id}>
              <td>
                <a data-row href={link(`profiles/${profile.id}`)}>
                  <Ago at={profile.started} />
                </a>
              </td>
              {!worker && (
                <td class="m">
                  <a href={link(`workers/${profile.worker}`)}>{profile.worker.slice(-8)}</a>
                </td>
              )}
              <td class="m cut">{profile.tasks.find((each) => each.task !== IDLE)?.task ?? t.none}</td>
              <td class="n">{duration(profile.seconds)}</td>
              <td class="n">{num(profile.samples)}</td>
            </tr>
          ))}
        </Table>
      ) : (
        <Empty>{t.profiles.none}</Empty>
      )}
    </Card>
  );
}

export function ProfilePage({ id }: { id: string }) {
  const live = useLive("/api/v1/profiles/{profile_id}", { path: { profile_id: id } }, 0);
  const wanted = Number(useParam("at") || "-1");
  const profile = live.data;
  if (!profile) return live.error ? <div class="s12 card"><Broken live={live} /></div> : <Loading />;
  const at = profile.flames[wanted] ? wanted : -1;
  const busy = profile.tasks.filter((each) => each.task !== IDLE).reduce((sum, each) => sum + each.samples, 0);
  const facts: Fact[] = [
    [t.workers.worker, <a class="m" href={link(`workers/${profile.worker}`)}>{profile.worker.slice(-8)}</a>],
    [t.profiles.at, clock(profile.started, Date.now()), <Ago at={profile.started} />],
    [t.profiles.took, duration(profile.seconds)],
    [t.profiles.samples, num(profile.samples)],
    [t.profiles.busy, `${Math.round((100 * busy) / Math.max(1, profile.samples))} %`],
  ];
  return (
    <>
      <div class="jh s12">
        <div class="tt">
          <div class="crumb">
            <a href={link("profiles")}>{t.pages.profiles}</a>
          </div>
          <h2 class="m">{profile.tasks.find((each) => each.task !== IDLE)?.task ?? IDLE}</h2>
        </div>
      </div>
      <Facts facts={facts} />
      <Card
        title={t.profiles.flame}
        sub={t.profiles.note}
        tools={at >= 0 && <a class="btn" href={link(`profiles/${id}`)}>{t.profiles.whole}</a>}
      >
        <div class="body">
          {profile.flames.length ? <FlameGraph flames={profile.flames} samples={profile.samples} at={at} /> : <Empty>{t.profiles.nothing}</Empty>}
          {profile.hidden > 0 && <p class="mut">{t.profiles.hidden(num(profile.hidden))}</p>}
        </div>
      </Card>
      <Calls profile={profile} at={at} />
    </>
  );
}

function Calls({ profile, at }: { profile: Schemas["ProfileDetail"]; at: number }) {
  const calls = callsOf(profile.flames, at).slice(0, MOST_CALLS);
  const part = (samples: number) => `${((100 * samples) / Math.max(1, profile.samples)).toFixed(1)} %`;
  const head = <Heads of={[t.profiles.call, [t.profiles.self, "n"], [t.profiles.total, "n"]]} />;
  return (
    <Card title={t.profiles.own}>
      {calls.length ? (
        <Table label={t.profiles.own} head={head}>
          {calls.map((call) => (
            <tr key={call.name}>
              <td class="m cut" title={call.name}>{call.name}</td>
              <td class="n">{part(call.self)}</td>
              <td class="n">{part(call.total)}</td>
            </tr>
          ))}
        </Table>
      ) : (
        <Empty>{t.profiles.nothing}</Empty>
      )}
    </Card>
  );
}
