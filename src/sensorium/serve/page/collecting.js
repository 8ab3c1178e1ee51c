/** Chooses among the collections that are served, makes and deletes them where the server lets one. */

import { ask, collectionPath } from "./api.js";
import { byId, element } from "./dom.js";
import { say } from "./words.js";

/** What no collection is called: names have no slash. */
const [MAKE, DELETE] = ["/make", "/delete"];

/**
 * Show the collections, and what can be done with them.
 * @param {{collections: Object[], creates: boolean}} listed - what the server lists.
 * @param {string} chosen - name of the one that is looked at.
 * @param {(scope: string) => boolean} may
 */
export function offer({ collections, creates }, chosen, may) {
  const makes = creates && may("add");
  const deletes = may("delete") && collections.some(({ name, created }) => created && name === chosen);
  const list = byId("collections");
  list.replaceChildren(
    ...collections.map(({ name, error }) =>
      element("option", { value: name, disabled: Boolean(error), title: error ?? "" }, name)),
    ...(makes || deletes ? [element("hr")] : []),
    ...(makes ? [element("option", { value: MAKE }, say("makeCollection"))] : []),
    ...(deletes ? [element("option", { value: DELETE }, say("deleteCollection", chosen))] : []),
  );
  // Where there is none yet, the first thing in the list would look chosen.
  if (!collections.length) list.prepend(element("option", { value: "", hidden: true }));
  list.hidden = collections.length < 2 && !makes && !deletes;
  list.value = chosen;
}

/**
 * Do what was chosen in the list.
 * @returns {Promise<string|null>} the collection to look at now; null where it stays as it is.
 */
export async function act(value, chosen) {
  if (value === MAKE) return make();
  if (value === DELETE) return await remove(chosen) ? "" : null;
  return value;
}

async function make() {
  const name = prompt(say("nameCollection"))?.trim();
  if (!name) return null;
  return (await ask("collections", { body: { name } })).name;
}

async function remove(name) {
  if (!confirm(say("deleteCollectionAsk", name))) return false;
  const path = collectionPath(name);
  try {
    await ask(path, { method: "DELETE" });
  } catch (error) {
    // Files were sent to it: only whoever is told so deletes them.
    if (error.status !== 409 || !confirm(`${error.message}\n\n${say("deleteFilesAsk")}`)) throw error;
    await ask(`${path}?files=true`, { method: "DELETE" });
  }
  return true;
}
