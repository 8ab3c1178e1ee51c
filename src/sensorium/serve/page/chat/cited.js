/** Citations as hits: an item, and where in it. */

import { itemsOf } from "../chosen.js";
import { Feed } from "../feed.js";

/** A citation as a hit of its item; without it, no more than the citation tells. */
export function hitOf(citation, item = {}) {
  const { box, characters, end, modality, page, path, probability, quote, start } = citation;
  const details = { ...(page != null && { page }), ...(box && { box }) };
  const span = start != null ? [start, end] : modality === "text" ? characters : null;
  const text = quote || null;
  return { metadata: {}, ...item, id: citation.item, path, modality, details, span, text, probability };
}

/** What a reply cites, to be looked at one after the other. */
export function feedOfCited(collection, citations) {
  const load = async (offset, count, signal) => {
    const some = citations.slice(offset, offset + count);
    const items = await itemsOf(collection, some.map(({ item }) => item), signal);
    return { items: some.map((one, n) => hitOf(one, items[n])) };
  };
  const feed = new Feed(load, citations.length);
  feed.isReply = true;
  return feed;
}
