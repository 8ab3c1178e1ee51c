/** Feeds of items that were chosen one by one, wherever they were seen. */

import { ask, collectionPath } from "./api.js";
import { Feed, PAGE } from "./feed.js";
import { say } from "./words.js";

/** Items by their ids, in the order of these; at most as many as a page of a feed. */
export async function itemsOf(collection, ids, signal) {
  if (!ids.length) return [];
  const asked = new URLSearchParams({ where: `id IN (${ids.join()})`, limit: ids.length });
  const { items } = await ask(`${collectionPath(collection)}/items?${asked}`, { signal });
  const found = new Map(items.map((item) => [item.id, item]));
  return ids.map((id) => found.get(id) ?? lost(id));
}

/** What stands for an item that was forgotten since. */
const lost = (id) => ({ id, path: say("itemNumber", id), modality: "text", metadata: {}, state: "gone" });

/**
 * A feed of items.
 * @param {number[]} ids
 * @param {Map<number, Object>} known - what more is known of some of them, such as a probability.
 */
export function feedOf(collection, ids, known = new Map()) {
  const load = async (offset, count, signal) => {
    const items = await itemsOf(collection, ids.slice(offset, offset + count), signal);
    return { items: items.map((item) => ({ ...item, ...known.get(item.id) })) };
  };
  const feed = new Feed(load, ids.length);
  feed.isChosen = true;
  feed.all = ids.length;
  return feed;
}

/** A feed of hits that are there already. */
export function feedOfHits(hits) {
  const feed = new Feed(async (offset, count) => ({ items: hits.slice(offset, offset + count) }), hits.length);
  for (let page = 0; page * PAGE < hits.length; page++) feed.put(page, hits.slice(page * PAGE, (page + 1) * PAGE));
  feed.isChosen = true;
  feed.all = hits.length;
  return feed;
}
