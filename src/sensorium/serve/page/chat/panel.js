/** A conversation with a collection: what is said, the replies as they come, and what they show. */

import { feedOfHits } from "../chosen.js";
import { button, byId, element, icon } from "../dom.js";
import { filePart } from "../parts.js";
import { say } from "../words.js";
import { contentOf, exported, replyTo } from "./asking.js";
import { feedOfCited } from "./cited.js";
import { fillReply, mine } from "./message.js";

/** Pixels that the box grows to with what is written in it. */
const HIGHEST = 160;

/** Pixels above what is gone to. */
const MARGIN = 12;

/** Milliseconds after which a browser has begun to keep what it downloads. */
const HELD = 60_000;

/** Without this address no conversation is downloaded. */
const EXPORTS = "POST /api/collections/{collection}/conversation";

/**
 * @typedef {Object} Turn
 * @property {string} words @property {import("../parts.js").Part[]} given
 * @property {string | Object[]} content - both, as the server takes them.
 * @property {string} text - what has come of the reply. @property {Object} [reply] - all of it.
 * @property {string} [fault] - why there is none. @property {HTMLElement} [theirs]
 */

export class Panel {
  /** @param {Object} page - see `talk.js`. */
  constructor(page) {
    this._page = page;
    this._talks = new Map(); // turns by collection
    this._given = [];
    this._running = null;
    this._log = byId("said");
    byId("saying").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this._running) this._running.abort();
      else this._say(byId("say").value.trim());
    });
    byId("say").addEventListener("input", fit);
    byId("say").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!this._running) this._say(byId("say").value.trim());
    });
    byId("chat-new").onclick = () => this._begin();
    byId("chat-keep").onclick = () => this._keep();
  }

  /** Show the conversation with the collection that is looked at. */
  show() {
    const collection = this._page.collection();
    if (collection !== this._collection) this._running?.abort();
    this._collection = collection;
    byId("chat-name").textContent = say("talkWith", collection);
    const turns = this._turns;
    this._log.replaceChildren(...(turns.length ? turns.map((turn) => this._element(turn)) : [this._start()]));
    this._log.scrollTop = this._log.scrollHeight;
    this._tell();
    this._showGiven();
  }

  /** Take files to say something with. */
  async take(files) {
    try {
      for (const file of files) this._given.push(await filePart(file));
    } catch (error) {
      this._page.fault(error);
    }
    this._showGiven();
  }

  get _turns() {
    if (!this._talks.has(this._collection)) this._talks.set(this._collection, []);
    return this._talks.get(this._collection);
  }

  _begin() {
    this._running?.abort();
    this._talks.delete(this._collection);
    this.show();
    byId("say").focus();
  }

  /** Download the conversation. */
  async _keep() {
    byId("chat-keep").disabled = true;
    try {
      const file = await exported(this._collection, this._turns.flatMap(messagesOf));
      const address = URL.createObjectURL(file);
      element("a", { href: address, download: `${this._collection}.zip` }).click();
      setTimeout(() => URL.revokeObjectURL(address), HELD);
    } catch (error) {
      this._log.append(element("p", { className: "error" }, error.message));
    } finally {
      byId("chat-keep").disabled = false;
    }
  }

  /** What one may say, where nothing was said yet. */
  _start() {
    const examples = say("talkExamples").map((one) =>
      element("li", {}, element("button", { type: "button", className: "plain", onclick: () => this._say(one) }, one)));
    return element("div", { className: "start" }, element("p", {}, say("talkStart")), element("ul", { role: "list" }, ...examples));
  }

  async _say(words) {
    const given = this._given;
    if (this._running || (!words && !given.length)) return;
    const turns = this._turns;
    const turn = { words, given, content: contentOf(words, given), text: "" };
    const messages = [...turns.flatMap(messagesOf), { role: "user", content: turn.content }];
    turns.push(turn);
    this._given = [];
    this._showGiven();
    byId("say").value = "";
    fit();
    if (turns.length === 1) this._log.replaceChildren();
    this._log.append(this._element(turn));
    this._goTo(turn);
    byId("say").focus({ preventScroll: true });
    await this._hear(turn, messages);
  }

  /** Show a reply as it comes. */
  async _hear(turn, messages) {
    const running = new AbortController();
    this._running = running;
    this._tell();
    try {
      for await (const piece of replyTo(this._collection, messages, running.signal)) {
        if (typeof piece === "string") turn.text += piece;
        else turn.reply = piece;
        this._fill(turn);
      }
    } catch (error) {
      turn.fault = error.name === "AbortError" ? say("stopped") : error.message;
      this._fill(turn);
    } finally {
      this._running = null;
      this._tell();
    }
    this._goTo(turn);
  }

  _element(turn) {
    turn.theirs = element("div", { className: "theirs" });
    this._fill(turn);
    return element("div", { className: "turn" }, mine(turn), turn.theirs);
  }

  /** Fill a reply, which screen readers read when it is whole. */
  _fill(turn) {
    const { theirs, reply, fault, text } = turn;
    theirs.setAttribute("aria-busy", String(!reply && !fault));
    if (reply) {
      fillReply(theirs, reply, this._collection, this._acts(reply));
      return;
    }
    theirs.replaceChildren(...[
      text && element("p", { className: "text" }, text),
      fault && element("p", { className: "error" }, fault),
      !text && !fault && element("p", { className: "waits" }, say("replying")),
    ].filter(Boolean));
  }

  _acts(reply) {
    const cited = reply.citations.filter(({ item }) => item > 0);
    const shown = () => Object.assign(feedOfHits(reply.items), { isReply: true });
    return {
      cite: (one) => this._page.open(feedOfCited(this._collection, cited), cited.indexOf(one)),
      open: (index) => this._page.open(shown(), index),
      showAll: () => this._page.showFeed(shown()),
    };
  }

  /** Let what was said last stand above its reply, as far as there is room. */
  _goTo({ theirs }) {
    this._log.scrollTop = theirs.parentElement.offsetTop - this._log.offsetTop - MARGIN;
  }

  /** Tell by the buttons what can be done now. */
  _tell() {
    const send = byId("send");
    const label = this._running ? "stopReply" : "send";
    send.replaceChildren(icon(this._running ? "stop" : "send"));
    send.dataset.label = label;
    send.title = say(label);
    send.setAttribute("aria-label", say(label));
    byId("chat-new").hidden = !this._turns.length;
    byId("chat-keep").hidden = !this._page.has(EXPORTS) || !this._turns.some(({ reply }) => reply);
  }

  _showGiven() {
    const list = byId("given");
    list.hidden = !this._given.length;
    list.replaceChildren(...this._given.map((part) => element(
      "li", { className: "chip" },
      part.picture ? element("img", { src: part.picture, alt: "" }) : icon(part.kind === "sound" ? "audio" : "text"),
      element("span", { className: "name", title: part.name }, part.name),
      button("close", say("removePart", part.name), () => {
        this._given = this._given.filter((one) => one !== part);
        this._showGiven();
        byId("say").focus();
      }),
    )));
  }
}

/** What the server is told again of a turn; of one without a reply it knows nothing. */
const messagesOf = ({ content, reply }) =>
  (reply ? [{ role: "user", content }, { role: "assistant", content: reply.text }] : []);

/** Let the box grow with what is written in it. */
function fit() {
  const box = byId("say");
  box.style.height = "auto";
  box.style.height = `${Math.min(HIGHEST, box.scrollHeight)}px`;
}
