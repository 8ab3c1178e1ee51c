/** Talks to the server. */

/** What the server refused, or that it could not be reached (`status` 0). */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Hears of answers that say that a token is needed. */
export const watcher = { tokenNeeded: () => {} };

export const address = (path) => new URL(`api/${path}`, document.baseURI).href;

const itemPath = (collection, id) => `collections/${encodeURIComponent(collection)}/items/${id}`;

/** Address of an item's file. */
export const mediaOf = (collection, id) => address(`${itemPath(collection, id)}/media`);

/** Address of a small picture of an item, or of a moment or view of it. */
export function thumbnailOf(collection, id, side, place = {}) {
  const asked = new URLSearchParams({ side });
  for (const [name, value] of Object.entries(place)) if (value != null) asked.set(name, value);
  return `${address(`${itemPath(collection, id)}/thumbnail`)}?${asked}`;
}

/**
 * Ask for JSON.
 * @param {string} path - behind `/api/`.
 * @param {{body?: *, method?: string, signal?: AbortSignal, quiet?: boolean}} options - `quiet`
 *   asks for no token.
 * @throws {ApiError} for all but good answers; an abort stays one (`AbortError`).
 */
export async function ask(path, { body, method, signal, quiet = false } = {}) {
  let answer;
  try {
    answer = await fetch(address(path), {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      priority: "high",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, error.message);
  }
  const said = await answer.text();
  if (answer.ok) return said ? JSON.parse(said) : null;
  if (answer.status === 401 && !quiet) watcher.tokenNeeded();
  throw new ApiError(answer.status, reasonOf(said) || answer.statusText);
}

/** Addresses of this server, as "POST /api/..."; asked for once. */
export async function addresses() {
  const answer = await fetch(new URL("openapi.json", document.baseURI));
  if (!answer.ok) return new Set();
  const { paths = {} } = await answer.json();
  return new Set(Object.entries(paths).flatMap(([path, ways]) =>
    Object.keys(ways).map((way) => `${way.toUpperCase()} ${path}`)));
}

export const collectionPath = (name) => `collections/${encodeURIComponent(name)}`;

export function reasonOf(said) {
  try {
    const { error, detail } = JSON.parse(said);
    return error?.message ?? (typeof detail === "string" ? detail : "");
  } catch {
    return "";
  }
}
