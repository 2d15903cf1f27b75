// Worker groups, and the agents that run them.
import { useState } from "preact/hooks";
import { get, remove, type Schemas } from "../api/client";
import { useLive } from "../api/live";
import { num } from "../format";
import { act, Ago, Button, Card, Empty, Heads, Pill, Table } from "../parts/basics";
import { ask } from "../parts/dialog";
import { GroupForm } from "../parts/groupform";
import { useSteady } from "../parts/hooks";
import { barred } from "../session";
import { t } from "../texts";

type Group = Schemas["GroupModel"];
type Agent = Schemas["AgentModel"];

export function GroupsTab() {
  const live = useLive("/api/v1/worker_groups", {}, 2);
  const [editing, setEditing] = useState<Group | "new" | null>(null);
  const edit = (group: Group) =>
    act(async () => {
      const whole = await get("/api/v1/worker_groups/detail", { query: { name: group.name } });
      if (!whole.is_whole) throw t.groups.tooLarge;
      setEditing(whole);
    });
  const groups = live.data?.groups ?? [];
  const drop = async (group: Group) => {
    const asked = { title: t.groups.removeTitle(group.name), text: t.groups.removeText, confirm: t.groups.remove, danger: true, reason: false };
    if ((await ask(asked)) === null) return;
    await act(() => remove("/api/v1/worker_groups", { query: { name: group.name } }), t.groups.removed);
    live.refresh();
  };
  return (
    <>
      <Card
        title={t.groups.title}
        sub={live.data && num(groups.length)}
        live={live}
        tools={
          <Button icon="plus" barred={barred("admin")} onClick={() => setEditing("new")}>
            {t.groups.add}
          </Button>
        }
      >
        {groups.length ? (
          <List groups={groups} edit={(group) => void edit(group)} drop={(group) => void drop(group)} />
        ) : (
          <Empty>{t.groups.none}</Empty>
        )}
      </Card>
      {editing && <GroupForm group={editing === "new" ? undefined : editing} close={() => setEditing(null)} saved={live.refresh} />}
    </>
  );
}

function List({ groups, edit, drop }: { groups: Group[]; edit: (group: Group) => void; drop: (group: Group) => void }) {
  const [shown, holds] = useSteady(groups, (group) => group.name);
  const head = (
    <Heads
      of={[
        t.workers.group, t.groups.commands, [t.groups.running, "n"], [t.groups.agents, "n"], t.groups.last, null,
      ]}
    />
  );
  return (
    <div {...holds}>
      <Table label={t.groups.title} head={head}>
        {shown.map((group) => (
          <tr key={group.name}>
            <td class="m">
              <b>{group.name}</b> {group.sizing && <span class="tag">{t.groups.bySizing}</span>}
              {group.problem && <small class="below up">{group.problem}</small>}
            </td>
            <td class="m cut" title={group.commands.join("\n")}>
              {group.commands.map((command, index) => (
                <div key={index} class="cut">{command}</div>
              ))}
            </td>
            <td class="n">
              {num(group.running)} <span class="mut">/ {num(group.sizing ? group.assigned : group.wanted)}</span>
            </td>
            <td class="n">
              {num(group.agents)}
              {!group.agents && group.wanted > 0 && <small class="below up">{t.groups.unserved}</small>}
            </td>
            <td class="ex">
              {group.last ? (
                <>
                  <span>
                    {t.groups.decided(group.last.containers, group.last.bursts)} <Ago at={group.last.at} />
                  </span>
                  <span class="p" title={group.last.reason}>{group.last.reason}</span>
                  {group.last.failure && <span class="p up" title={group.last.failure}>{group.last.failure}</span>}
                </>
              ) : (
                <span class="faint">{t.none}</span>
              )}
            </td>
            <td class="n">
              <Button icon="edit" kind="q" label={`${t.groups.edit} ${group.name}`} barred={barred("admin")} onClick={() => edit(group)} />
              <Button icon="close" kind="q" label={`${t.groups.remove} ${group.name}`} barred={barred("admin")} onClick={() => drop(group)} />
            </td>
          </tr>
        ))}
      </Table>
    </div>
  );
}

export function AgentsTab() {
  const live = useLive("/api/v1/agents", { query: { limit: 200 } }, 2);
  const agents = [...(live.data?.agents ?? [])].sort((a, b) => Number(b.is_late) - Number(a.is_late) || a.group.localeCompare(b.group));
  const [shown, holds] = useSteady(agents, (agent) => agent.id);
  const head = (
    <Heads
      of={[
        t.agents.agent, t.jobs.status, t.workers.group, [t.agents.cpu, "n"], [t.agents.memory, "n"], t.agents.runs,
        [t.agents.isTo, "n"], [t.agents.reported, "n"],
      ]}
    />
  );
  return (
    <Card title={t.agents.title} sub={live.data && num(agents.length)} live={live}>
      {shown.length ? (
        <div {...holds}>
          <Table label={t.agents.title} head={head}>
            {shown.map((agent) => (
              <tr key={agent.id}>
                <td class="m">{agent.id}</td>
                <td>
                  <AgentState agent={agent} />
                </td>
                <td class="m">{agent.group}</td>
                <td class="n">{agent.cpu === null ? t.none : num(Math.round(agent.cpu / 102.4) / 10)}</td>
                <td class="n">{agent.memory === null ? t.none : `${num(Math.round(agent.memory))} MB`}</td>
                <td class="m cut" title={agent.commands.join("\n")}>
                  {agent.commands.length ? agent.commands.map((each, index) => <div key={index} class="cut">{each}</div>) : <span class="faint">{t.agents.nothing}</span>}
                </td>
                <td class="n">{num(agent.running)} <span class="mut">/ {num(agent.wanted)}</span></td>
                <td class="n">
                  <Ago at={agent.reported} />
                </td>
              </tr>
            ))}
          </Table>
        </div>
      ) : (
        <Empty>
          {t.agents.none} <code>mrq agent --worker_group crawlers</code>
        </Empty>
      )}
    </Card>
  );
}

function AgentState({ agent }: { agent: Agent }) {
  if (agent.is_late) {
    return (
      <Pill kind="failed" icon="failures">
        {t.agents.late}
      </Pill>
    );
  }
  const stopped = agent.status === "stop";
  return (
    <Pill kind={stopped ? "queued" : "started"} icon={stopped ? "ring" : "play"}>
      {t.agents.states[agent.status] ?? agent.status}
    </Pill>
  );
}
