/** The HTTP API, typed by its own description. */
import createClient, { type Client } from "openapi-fetch";
import type { paths } from "./schema";
import type { Problem } from "./types";

export type Fetch = typeof globalThis.fetch;
export type Api = Client<paths>;

/** What the service refused, or that it could not be reached (`unreachable`). */
export class ServiceError extends Error {
  constructor(
    /** HTTP status; 0 without an answer. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null = null,
    readonly problem: Problem | null = null,
    /** Seconds after which the service wants to be asked again. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
    this.name = "ServiceError";
  }

  /** True if the same request may succeed later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 502 || this.status === 503;
  }
}

export function client(base: string, fetch: Fetch): Api {
  return createClient<paths>({ baseUrl: base, fetch: (request) => fetch(request) });
}

/** Exchange the token for a cookie of this browser; ServiceError if it is wrong. */
export async function logIn(api: Api, token: string): Promise<void> {
  await must(api.POST("/session", { body: { token } }));
}

/** The answer's data; ServiceError if there is none. */
export async function must<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let answer: { data?: T; error?: unknown; response: Response };
  try {
    answer = await call;
  } catch (error) {
    throw asServiceError(error);
  }
  if (!answer.response.ok) throw refusal(answer.response, answer.error);
  return answer.data as T;
}

/** What a response that is no success says. */
export async function refusalOf(response: Response): Promise<ServiceError> {
  let body: unknown = null;
  try {
    body = await response.json();
  } catch {
    // A proxy in between answers in a form of its own; its status says enough.
  }
  return refusal(response, body);
}

/** Any failure as one of ours: what the network threw becomes `unreachable`. */
export function asServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ServiceError(0, "unreachable", `the service cannot be reached (${message})`);
}

function refusal(response: Response, body: unknown): ServiceError {
  const after = Number(response.headers.get("retry-after"));
  const problem = isProblem(body) ? body : null;
  return new ServiceError(
    response.status,
    problem?.code ?? `http_${response.status}`,
    problem?.error ?? `the service answered ${response.status} ${response.statusText}`.trim(),
    problem?.hint ?? null,
    problem,
    Number.isFinite(after) && after > 0 ? after : null,
  );
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "error" in body;
}
