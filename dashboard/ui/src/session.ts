// Who looks at the page, and what he may do.
import { csrf, Failure, get, post, remove, type Role, type Schemas } from "./api/client";
import { store } from "./store";
import { t } from "./texts";

export const session = store<Schemas["Session"] | null>(null);
const RANKS: Role[] = ["viewer", "operator", "admin"];

export async function openSession(): Promise<void> {
  const found = await get("/api/v1/session", {});
  csrf.token = found.csrf_token;
  session.set(found);
}

csrf.lost = () => {
  const before = session.get();
  if (before?.user) session.set({ ...before, user: null, role: null });
};

export async function logIn(user: string, password: string): Promise<void> {
  await post("/api/v1/session", {}, { user, password });
  await openSession();
}

export async function logOut(): Promise<void> {
  await remove("/api/v1/session", {});
  await openSession();
}

/** Why somebody may not; undefined: he may. */
export function barred(role: Role): string | undefined {
  const own = session.get()?.role;
  if (own && RANKS.indexOf(own) >= RANKS.indexOf(role)) return undefined;
  return t.session.needs(role, own ?? "");
}

export function wordsOf(error: unknown): string {
  if (error instanceof Failure) return error.status === 0 ? t.live.noAnswer : error.message;
  return String(error);
}
