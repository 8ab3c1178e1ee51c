/** Feeds of what is looked at: all items, or the hits of a question. */

import { ask, collectionPath } from "./api.js";
import { Feed, PAGE } from "./feed.js";

/** Probability below which a hit is unlikely to be what was meant. */
const UNLIKELY = 0.05;

/** Hits that are looked through for the last likely one. */
const LOOKED_AT = 1000;

/** Items of a collection, in an order. */
export async function browse(collection, where, order, signal) {
  const load = (offset, limit, stop) => {
    const asked = new URLSearchParams({ offset, limit, order });
    if (where) asked.set("where", where);
    return ask(`${collectionPath(collection)}/items?${asked}`, { signal: stop });
  };
  const { items, total } = await load(0, PAGE, signal);
  const feed = new Feed(load, total);
  feed.all = total;
  feed.put(0, items);
  return feed;
}

/**
 * Hits of a question.
 * @param {Object} question - what the server's search takes, without `k` and `offset`.
 * @param {() => Promise<number>} count - how many items there are to rank.
 */
export async function search(collection, question, count, signal) {
  const path = `${collectionPath(collection)}/search`;
  const send = (offset, k, stop) => ask(path, { body: { ...question, k, offset }, signal: stop });
  // All items are ranked by meaning; by words only those that hold them, and folded ones are fewer.
  const isOpen = question.mode === "words" || question.fold;
  const [answer, total] = await Promise.all([send(0, PAGE, signal), isOpen ? null : count()]);
  return feedOf(answer, send, total);
}

/** Say of an item whether it answers a question; gives the hits that follow from it. */
export async function judge(collection, question, item, relevant, total) {
  const { improved: _, ...plain } = question;
  const body = { question: { ...plain, k: PAGE, offset: 0 }, items: [item], relevant };
  const answer = await ask(`${collectionPath(collection)}/judge`, { body });
  const improved = { ...question, improved: true };
  const send = (offset, k, stop) =>
    ask(`${collectionPath(collection)}/search`, { body: { ...improved, k, offset }, signal: stop });
  const isOpen = question.mode === "words" || question.fold;
  return feedOf(answer, send, isOpen ? null : total);
}

function feedOf(answer, send, total) {
  const judgements = answer.judgements ?? {};
  const judged = ({ hits }) => hits.map((hit) => ({ ...hit, judged: judgements[hit.id] }));
  const load = async (...asked) => ({ items: judged(await send(...asked)) });
  const feed = new Feed(load, total);
  feed.put(0, judged(answer));
  feed.judgements = judgements;
  feed.nothingMatches = answer.nothing_matches;
  return feed;
}

/** Place of the first hit behind the last likely one; infinite where nothing can be said. */
export function firstUnlikely(feed) {
  if (feed.nothingMatches) return Infinity;
  let last = -1;
  let isKnown = false;
  for (const [index, { probability }] of feed.brought()) {
    if (index >= LOOKED_AT) break;
    if (probability == null) continue;
    isKnown = true;
    if (probability >= UNLIKELY) last = index;
  }
  return isKnown && last >= 0 ? last + 1 : Infinity;
}
