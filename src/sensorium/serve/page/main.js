/** The page: what is asked, and what is shown of the answer. */

import { addresses, ask, collectionPath, watcher } from "./api.js";
import * as bringing from "./bringing.js";
import * as collecting from "./collecting.js";
import { byId, icon } from "./dom.js";
import * as filters from "./filters.js";
import { Feed, MOST } from "./feed.js";
import { Grid } from "./grid.js";
import { View } from "./hit.js";
import { enter } from "./login.js";
import { filePart, itemPart, itemsPart, questionOf, showChips, textPart } from "./parts.js";
import { nameOf } from "./place.js";
import { Rooms } from "./rooms.js";
import { browse, firstUnlikely, judge, search } from "./searching.js";
import { Talk } from "./talk.js";
import * as thumbs from "./thumbs.js";
import { upload } from "./uploads.js";
import { bringWords, choose, others, percent, say } from "./words.js";

/** Milliseconds without a further key after which is searched, where keys come quickly; after one
 * that comes later than this is searched at once. */
const PAUSE = 50;

/** Milliseconds after which is said that the answer is still awaited. */
const PATIENCE = 400;

/** Milliseconds that keys wait at most for the answer to those before them. */
const WAIT = 400;

/** Milliseconds without a further question after which the page's address tells it: browsers ask
 * for the page's icon at every change, and some refuse more than a hundred. */
const REST = 250;

const state = {
  listed: { collections: [], creates: false },
  collections: [],
  collection: "",
  parts: [],
  mode: "vector",
  scopes: null, // null: the server does not tell
  addresses: new Set(),
  feed: null,
  question: null,
  counts: new Map(),
};

const grid = new Grid(byId("grid"), (index) => view.open(state.feed, index, state.collection));

const view = new View(byId("view"), {
  asked: () => state.question,
  canJudge: () => may("judge"),
  has: (address) => state.addresses.has(address),
  like: (hit, weight) => {
    talk.giveWay();
    if (weight > 0) {
      state.parts = [];
      byId("words").value = "";
    }
    addPart(itemPart(state.collection, hit.id, nameOf(hit), weight));
  },
  judge: async (hit, said) => {
    const { collection, question } = state;
    const feed = await judge(collection, question, hit.id, said, await count());
    if (state.question !== question) return;
    state.question = { ...question, improved: true };
    show(feed, true);
    rooms.changed();
    view.follow(state.feed);
  },
  closed: (index) => talk.takeFocus() || rooms.takeFocus() || grid.reveal(index),
});

const rooms = new Rooms({
  collection: () => state.collection,
  question: () => state.question,
  feed: () => state.feed,
  has: (address) => state.addresses.has(address),
  may: (scope) => may(scope),
  open: (feed, index) => view.open(feed, index, state.collection),
  showFeed: (feed) => {
    show(feed, false);
    rooms.enter("grid");
  },
  like: (ids) => {
    state.parts = [];
    byId("words").value = "";
    addPart(itemsPart(state.collection, ids));
  },
  forgot: () => itemsChanged(true),
  fault: (error) => fault(error),
  entered: () => remember(byId("words").value.trim()),
});

const talk = new Talk({
  collection: () => state.collection,
  has: (address) => state.addresses.has(address),
  open: (feed, index) => view.open(feed, index, state.collection),
  showFeed: (feed) => {
    show(feed, false);
    rooms.enter("grid");
  },
  fault: (error) => fault(error),
});

const may = (scope) => state.scopes === null || state.scopes.includes(scope);
const mayAdd = () => state.collection && may("add") && state.addresses.has("POST /api/collections/{collection}/items");

let pending = 0;
let lastKey = -Infinity;
let running = new AbortController();
let asked = Promise.resolve();
let turn = 0;
let remembering = 0;

/** Look at what is asked now; earlier requests are given up. */
async function look() {
  clearTimeout(pending);
  if (!state.collection) return;
  const own = ++turn;
  running.abort();
  running = new AbortController();
  const { signal } = running;
  const words = byId("words").value.trim();
  const sought = questionOf(state.parts, words);
  const where = filters.condition();
  const question = sought && { ...sought, mode: state.mode, where, fold: byId("fold").checked };
  byId("add-part").hidden = !words;
  filters.ordered(!question);
  clearTimeout(remembering);
  remembering = setTimeout(() => remember(words), REST);
  const patience = setTimeout(() => byId("seeking").hidden = false, PATIENCE);
  try {
    const answer = question
      ? search(state.collection, question, count, signal)
      : browse(state.collection, where, filters.order(), signal);
    asked = answer.catch(() => {});
    const feed = await answer;
    if (signal.aborted || own !== turn) return;
    state.question = question;
    show(feed, false);
    byId("grid").dataset.asked = words;
    rooms.changed();
  } catch (error) {
    if (error.name !== "AbortError") fault(error);
  } finally {
    clearTimeout(patience);
    if (!signal.aborted) byId("seeking").hidden = true;
  }
}

/** Look when what was asked before is answered, unless further keys come.
 *
 * A server finishes what it has begun, whether anybody waits for it or not: each question that is
 * sent meanwhile would make the last one wait longer. */
async function lookInTurn() {
  const own = ++turn;
  await Promise.race([asked, new Promise((go) => setTimeout(go, WAIT))]);
  if (own === turn) look();
}

/** Search after a key. What is not composed yet, as pinyin, is no question. */
function lookAfterKey(event) {
  if (event.isComposing) return;
  clearTimeout(pending);
  const isQuick = event.timeStamp - lastKey < 2 * PAUSE;
  lastKey = event.timeStamp;
  thumbs.pass();
  if (isQuick) pending = setTimeout(lookInTurn, PAUSE);
  else lookInTurn();
}

/** How many items there are that are looked at; asked once for each condition. */
function count() {
  const where = filters.condition();
  const key = JSON.stringify([state.collection, where]);
  if (!state.counts.has(key)) {
    const asked = new URLSearchParams({ limit: 1, ...(where && { where }) });
    const path = `${collectionPath(state.collection)}/items?${asked}`;
    const counted = ask(path).then(({ total }) => total);
    counted.catch(() => state.counts.delete(key));
    state.counts.set(key, counted);
  }
  return state.counts.get(key);
}

function show(feed, stay) {
  state.feed = feed;
  fault(null);
  grid.show(feed, { collection: state.collection, stay, split: firstUnlikely });
  feed.addEventListener("change", tell);
  feed.addEventListener("fault", ({ error }) => fault(error));
  tell();
}

/** Say in a line what is shown. */
function tell() {
  const { feed, question, parts } = state;
  if (!feed) return;
  const isHalf = !question && !feed.isChosen && parts.length > 0;
  const told = byId("told");
  told.classList.toggle("nothing", Boolean(question && (feed.nothingMatches || !feed.total)));
  told.textContent = [question && !feed.isChosen ? answerOf(feed) : heldBy(feed), isHalf && say("unwantedAlone"), feed.isCut && say("end", MOST)]
    .filter(Boolean).join(" · ");
}

function heldBy(feed) {
  const all = itemsOf(state.collection);
  if (!all) return say("empty");
  if (!feed.total) return say("noneLeft");
  return feed.all < all ? say("itemsLeft", feed.all, all) : say("items", feed.all);
}

function answerOf(feed) {
  const best = likeliest(feed);
  if (!feed.total) return say(state.mode === "words" ? "noWords" : "noneLeft");
  if (feed.nothingMatches) return say("nothingMatches");
  const told = best != null ? say("best", percent(best)) : say("ranked", feed.total);
  return [told, state.question.improved && say("improved")].filter(Boolean).join(" · ");
}

/** The greatest probability among what was brought: of several kinds, the first is not always it. */
function likeliest(feed) {
  let best = null;
  for (const [, { probability }] of feed.brought()) {
    if (probability != null) best = Math.max(best, probability);
  }
  return best;
}

function itemsOf(name) {
  const items = state.collections.find((one) => one.name === name)?.items ?? {};
  return Object.values(items).reduce((a, b) => a + b, 0);
}

/** Say what went wrong, beside what it is about; null clears it. */
function fault(error) {
  const ofCondition = error?.status === 400 && byId("where").value.trim();
  filters.fault(ofCondition ? error.message : "");
  const line = byId("fault");
  line.hidden = !error || Boolean(ofCondition) || error.status === 401;
  line.textContent = error?.status === 0 ? say("offline") : error?.message ?? "";
}

function addPart(part) {
  state.parts.push(part);
  changeParts(() => {});
}

function changeParts(change) {
  change();
  showChips(byId("chips"), state.parts, changeParts);
  look();
}

async function askWith(files) {
  try {
    for (const file of files) state.parts.push(await filePart(file));
    changeParts(() => {});
  } catch (error) {
    fault(error);
  }
}

async function add(files) {
  await upload(state.collection, files);
  await itemsChanged(!state.question);
}

/** Look again at what the collection holds. */
async function itemsChanged(looks) {
  state.counts.clear();
  await bringCollections();
  if (looks) look();
  rooms.outdated();
}

/** Keep the question in the page's address, so that it can be passed on and comes back. */
function remember(words) {
  const kept = new URLSearchParams();
  if (state.collection !== state.collections[0]?.name) kept.set("c", state.collection);
  if (words) kept.set("q", words);
  if (state.mode !== "vector") kept.set("mode", state.mode);
  if (rooms.name !== "grid") kept.set("room", rooms.name);
  const hash = kept.toString();
  document.title = words ? `${words} – Sensorium` : "Sensorium";
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname);
}

function recall() {
  const kept = new URLSearchParams(location.hash.slice(1));
  byId("words").value = kept.get("q") ?? "";
  const mode = document.querySelector(`[name=mode][value="${CSS.escape(kept.get("mode") ?? "vector")}"]`);
  if (mode) {
    mode.checked = true;
    state.mode = mode.value;
  }
  return [kept.get("c"), kept.get("room")];
}

async function bringCollections() {
  state.listed = await ask("collections");
  state.collections = state.listed.collections;
  offerCollections();
}

const offerCollections = () => collecting.offer(state.listed, state.collection, may);

/** Look at another collection, a new one, or none any more of one that is deleted. */
async function chooseCollection(value) {
  const { collection } = state;
  try {
    const name = await collecting.act(value, collection);
    if (name === null) return;
    if (!state.collections.some((one) => one.name === name)) await bringCollections();
    await openCollection(name || usual());
  } catch (error) {
    fault(error);
  } finally {
    offerCollections();
  }
}

/** The first collection that can be opened; none where there is none. */
const usual = () => (state.collections.find(({ error }) => !error) ?? state.collections[0])?.name ?? "";

async function openCollection(name) {
  state.collection = name;
  offerCollections();
  byId("adding").hidden = !mayAdd();
  if (!name) {
    byId("told").textContent = say("noCollection");
    grid.show(new Feed(async () => [], 0), { collection: "", stay: false });
    return;
  }
  state.parts = state.parts.filter((part) => part.item === undefined && !part.items);
  showChips(byId("chips"), state.parts, changeParts);
  byId("overview").hidden = true;
  grid.forgetShape();
  talk.changed();
  const done = look();
  const info = await ask(collectionPath(name));
  if (state.collection !== name) return;
  filters.offer(info);
  // Where nothing is heard, no sound can ask.
  byId("record").hidden = !info.space?.modalities.includes("audio") || !navigator.mediaDevices;
  await done;
}

/** What may be done here: some of it only where the server has an address for it. */
async function learnWhatMayBeDone() {
  state.addresses = await addresses();
  if (state.addresses.has("GET /api/session")) state.scopes = (await ask("session")).scopes;
  byId("adding").hidden = !mayAdd();
  offerCollections();
}

/** When and where items were taken. */
async function showOverview() {
  const { collection, addresses } = state;
  if (!addresses.has("GET /api/collections/{collection}/timeline")) return;
  const { overview } = await import("./overview.js");
  await overview(byId("overview"), collection).catch(fault);
}

function showLanguage() {
  const [[code, name]] = others();
  byId("language").textContent = name;
  byId("language").lang = code;
}

function listen() {
  byId("words").addEventListener("input", lookAfterKey);
  byId("words").addEventListener("compositionend", lookAfterKey);
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    look();
  });
  byId("words").addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      grid.reveal(0);
    } else if (event.key === "Backspace" && !byId("words").value && state.parts.length) {
      changeParts(() => state.parts.pop());
    }
  });
  byId("add-part").onclick = () => {
    const words = byId("words").value.trim();
    byId("words").value = "";
    byId("words").focus();
    if (words) addPart(textPart(words));
  };
  byId("modes").addEventListener("change", (event) => {
    state.mode = event.target.value;
    look();
  });
  byId("collections").addEventListener("change", (event) => chooseCollection(event.target.value));
  byId("language").onclick = async () => {
    await choose(others()[0][0]);
    showLanguage();
    showChips(byId("chips"), state.parts, changeParts);
    offerCollections();
    if (!state.collection) return;
    filters.offer(await ask(collectionPath(state.collection)));
    tell();
    grid.refresh();
    rooms.changed();
    talk.changed();
  };
  addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input, textarea, select");
    if (isTyping || view.isOpen || event.ctrlKey || event.metaKey || event.altKey) return;
    if ("?？".includes(event.key)) {
      event.preventDefault();
      talk.open();
      return;
    }
    if (event.key === "/") event.preventDefault();
    // Who begins to type before anything has the focus means to search: the letter goes there.
    else if (event.target !== document.body || event.key.length !== 1 || event.key === " ") return;
    byId("words").focus();
  });
  filters.listen(look, showOverview);
  bringing.listen({
    ask: askWith, add, mayAdd, tell: (message) => fault(new Error(message)),
    talk: (files) => talk.take(files), talks: () => talk.isOpen,
  });
}

async function start() {
  for (const one of document.querySelectorAll("[data-icon]")) one.append(icon(one.dataset.icon));
  listen();
  await bringWords();
  showLanguage();
  await bringEverything();
}

async function bringEverything() {
  try {
    const [wanted, room] = recall();
    await bringCollections();
    const known = state.collections.some(({ name, error }) => name === wanted && !error);
    await openCollection(known ? wanted : usual());
    await learnWhatMayBeDone();
    rooms.offer();
    talk.offer();
    if (room) await rooms.enter(room);
  } catch (error) {
    fault(error);
  }
}

watcher.tokenNeeded = async () => {
  if (await enter()) await bringEverything();
};

start();
