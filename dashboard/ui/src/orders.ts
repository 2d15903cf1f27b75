// Telling workers what to do, and hearing what they say to it.
import { get, post, type Schemas } from "./api/client";
import { act, tell } from "./parts/basics";
import { askFor, type AskedField } from "./parts/dialog";
import { t } from "./texts";

type Worker = Pick<Schemas["WorkerModel"], "id" | "name" | "greenlets">;
type Verb = Schemas["Verb"];
const LOOKS = 20;
const PAUSE = 1000; // milliseconds

function fieldsOf(worker: Worker, verb: Verb): AskedField[] {
  const whole = { type: "number" as const, min: 1 };
  if (verb === "resize") return [{ ...whole, name: "greenlets", label: t.workers.greenlets, value: String(worker.greenlets), max: 100_000 }];
  if (verb === "profile") return [{ ...whole, name: "seconds", label: t.workers.seconds, value: "30", max: 300 }];
  if (verb !== "stop") return [];
  const choices = (["wait", "now"] as const).map((value) => ({ value, text: t.workers.hows[value] }));
  return [{ name: "how", label: t.workers.how, value: "wait", choices }];
}

export async function order(worker: Worker, verb: Verb, done: () => void): Promise<void> {
  const name = t.workers.orders[verb];
  const given = await askFor({
    title: t.workers.orderTitle(name, worker.name),
    text: t.workers.asks[verb],
    confirm: name,
    danger: verb === "stop",
    fields: fieldsOf(worker, verb),
  });
  if (given === null) return;
  const { greenlets, seconds, how } = given.values;
  const wish = {
    verb,
    reason: given.reason,
    greenlets: greenlets ? Number(greenlets) : null,
    seconds: seconds ? Number(seconds) : null,
    now: how === "now" ? true : null,
  };
  const path = { worker_id: worker.id };
  let told: Schemas["OrderGiven"] | undefined;
  await act(async () => (told = await post("/api/v1/workers/{worker_id}/orders", { path }, wish)), t.workers.told);
  if (told) await hear(worker, told.id);
  done();
}

async function hear(worker: Worker, id: string): Promise<void> {
  const asked = { path: { worker_id: worker.id, order_id: id } };
  for (let look = 0; look < LOOKS; look++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    try {
      const { text } = await get("/api/v1/workers/{worker_id}/orders/{order_id}", asked);
      if (text !== null) return tell(t.workers.said(worker.name, text));
    } catch {
      return; // gone, or the server is: the page says so itself
    }
  }
  tell(t.workers.silentYet);
}
