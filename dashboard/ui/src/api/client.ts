// Typed requests: paths, queries, bodies and answers come from the OpenAPI document, so drift doesn't compile.
import { base } from "../router";
import { store } from "../store";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Status = Schemas["Status"];
export type Role = Schemas["Role"];
export type JobFilter = Schemas["JobFilterModel"];

type Answer<Operation> = Operation extends { responses: { 200: { content: { "application/json": infer Body } } } }
  ? Body
  : never;
type Asked<Operation> = Operation extends { parameters: infer Parameters } ? Omit<Parameters, "header" | "cookie"> : never;
type Sent<Operation> = Operation extends { requestBody: { content: { "application/json": infer Body } } }
  ? Body
  : undefined;

type Having<Method extends string> = {
  [Path in keyof paths]: paths[Path] extends { [M in Method]: { responses: unknown } } ? Path : never;
}[keyof paths];
export type GetPath = Having<"get">;
type PostPath = Having<"post">;
type Op<Path extends keyof paths, Method extends string> = Method extends keyof paths[Path] ? paths[Path][Method] : never;

export type Got<Path extends GetPath> = Answer<Op<Path, "get">>;
export type AskedOf<Path extends GetPath> = Asked<Op<Path, "get">>;

/** A request that was refused (status > 0), or got no answer (status 0). */
export class Failure extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
    readonly fields: Schemas["FieldProblem"][] = [],
  ) {
    super(message);
  }
}

/** Since when the server gives no answer; null while it does. */
export const silence = store<number | null>(null);
export const csrf = { token: null as string | null, lost: () => {} };

type Loose = { path?: Record<string, unknown>; query?: Record<string, unknown> };

export function address(path: string, asked: Loose = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(asked.path?.[name])));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked.query ?? {})) {
    if (value === undefined || value === null) continue;
    for (const each of Array.isArray(value) ? value : [value]) query.append(name, String(each));
  }
  const text = query.toString();
  return base + filled.slice(1) + (text ? `?${text}` : "");
}

async function request(method: string, url: string, body?: unknown, signal?: AbortSignal): Promise<unknown> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (csrf.token && method !== "GET") headers["x-csrf-token"] = csrf.token;
  const sent = body === undefined ? undefined : JSON.stringify(body);
  let response: Response;
  try {
    response = await fetch(url, { method, headers, body: sent, signal, credentials: "same-origin" });
  } catch (error) {
    if (signal?.aborted) throw error;
    silence.set(silence.get() ?? Date.now());
    throw new Failure(0, "no_answer", "");
  }
  return read(response, signal);
}

async function read(response: Response, signal?: AbortSignal): Promise<unknown> {
  let found: unknown;
  try {
    found = await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    silence.set(silence.get() ?? Date.now()); // a proxy answers in place of the server, or it died half-way
    throw new Failure(0, "no_answer", "");
  }
  silence.set(null);
  if (response.ok) return found;
  const problem = found as Partial<Schemas["Problem"]>;
  if (response.status === 401) csrf.lost();
  throw new Failure(response.status, problem.error ?? "error", problem.message ?? response.statusText, problem.fields);
}

export function get<Path extends GetPath>(path: Path, asked: AskedOf<Path>, signal?: AbortSignal): Promise<Got<Path>> {
  return request("GET", address(path, asked as Loose), undefined, signal) as Promise<Got<Path>>;
}

export function post<Path extends PostPath>(
  path: Path,
  asked: Asked<Op<Path, "post">>,
  body: Sent<Op<Path, "post">>,
): Promise<Answer<Op<Path, "post">>> {
  return request("POST", address(path, asked as Loose), body ?? {}) as Promise<Answer<Op<Path, "post">>>;
}

export function put<Path extends Having<"put">>(
  path: Path,
  asked: Asked<Op<Path, "put">>,
  body: Sent<Op<Path, "put">>,
): Promise<Answer<Op<Path, "put">>> {
  return request("PUT", address(path, asked as Loose), body) as Promise<Answer<Op<Path, "put">>>;
}

export function remove<Path extends Having<"delete">>(
  path: Path,
  asked: Asked<Op<Path, "delete">>,
): Promise<Answer<Op<Path, "delete">>> {
  return request("DELETE", address(path, asked as Loose)) as Promise<Answer<Op<Path, "delete">>>;
}
