/** One hit large, in a dialog: what it is, why it was found, and what one thinks of it. */

import { ask, collectionPath, mediaOf, thumbnailOf } from "./api.js";
import { button, element } from "./dom.js";
import { facts } from "./facts.js";
import { box, heat, over } from "./overlay.js";
import { hasPages, nameOf } from "./place.js";
import { SIDE, stage } from "./stage.js";
import { clock, number, percent, say } from "./words.js";

/** What there is a picture of. */
const isPictured = (hit) => ["image", "mesh"].includes(hit.modality) || hasPages(hit);

/** Pixels that a finger goes to the side to turn over, and how much less it strays. */
const SWIPE = 60;
const STRAIGHT = 0.6;

export class View {
  /**
   * @param {HTMLDialogElement} dialog
   * @param {Object} page - what the page lets a view do: `asked()` the question or null,
   *   `canJudge()`, `has(address)`, `like(hit, weight)`, `judge(hit, said)`,
   *   `closed(index)`.
   */
  constructor(dialog, page) {
    this._dialog = dialog;
    this._page = page;
    this._clear = () => {};
    dialog.addEventListener("keydown", (event) => this._key(event));
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => {
      this._clear();
      dialog.replaceChildren();
      this._page.closed(this._index);
    });
  }

  get isOpen() {
    return this._dialog.open;
  }

  /** Show the hit at a place of a feed. */
  async open(feed, index, collection) {
    this._feed = feed;
    this._index = index;
    this._collection = collection;
    const hit = await feed.bring(index);
    if (!hit || this._feed !== feed || this._index !== index) return;
    // Open before it is filled, so that the focus goes where it is put.
    if (!this._dialog.open) this._dialog.showModal();
    this._show(hit);
  }

  /** The question that what is looked at was found by; what a reply shows was found by none. */
  get _asked() {
    return this._feed.isReply ? null : this._page.asked();
  }

  /** Go on in another feed, with the same hit where it is known there: it was judged. */
  follow(feed) {
    this._feed = feed;
    const hit = this._hit;
    for (const [index, other] of feed.brought()) {
      if (other.id !== hit.id) continue;
      this._index = index;
      this._show(other);
      return;
    }
    this._index = Math.min(this._index, feed.total - 1);
    this._show({ ...hit, judged: feed.judgements?.[hit.id] });
  }

  _show(hit) {
    const held = document.activeElement?.dataset?.act;
    this._clear();
    this._hit = hit;
    const { shown, picture } = stage(hit, this._collection, () => this._closely());
    this._picture = picture;
    const stand = element(
      "div", { className: "stage" }, shown,
      this._step("left", "previous", -1), this._step("right", "next", 1),
    );
    listenToSwipes(stand, (by) => this._go(by));
    this._dialog.replaceChildren(stand, this._side(hit));
    if (picture && hit.details?.box) this._draw(box(hit.details.box));
    this._text(hit);
    const again = held && this._dialog.querySelector(`[data-act="${held}"]:not([disabled])`);
    (again || this._dialog.querySelector("[data-act=close]")).focus({ preventScroll: true });
  }

  _step(sign, label, by) {
    const made = button(sign, say(label), () => this._go(by));
    made.classList.add("step", sign);
    made.dataset.act = label;
    made.disabled = this._index + by < 0 || this._index + by >= this._feed.total;
    return made;
  }

  /** Look closely at its picture, and go on from where that ended. */
  async _closely() {
    const { _feed: feed, _index: index, _collection: collection } = this;
    try {
      const { openLightbox } = await import("./lightbox.js");
      await openLightbox(feed, index, collection, (at) => {
        if (at !== index && this._feed === feed) this.open(feed, at, collection);
      });
    } catch (error) {
      this._fault(error);
    }
  }

  _go(by) {
    const index = this._index + by;
    if (index >= 0 && index < this._feed.total) this.open(this._feed, index, this._collection);
  }

  _side(hit) {
    const close = button("close", say("close"), () => this._dialog.close());
    close.dataset.act = "close";
    const likely = hit.probability != null && element(
      "p", { className: "probable" },
      element("meter", { min: 0, max: 1, value: hit.probability, "aria-label": say("likely") }),
      element("span", {}, say("probability", percent(hit.probability))),
    );
    this._passages = element("section", { className: "passages", hidden: true });
    return element(
      "div", { className: "side" },
      element("div", { className: "head" }, element("h2", { id: "view-name" }, nameOf(hit)), close),
      hit.state && element("p", { className: "error" }, say(hit.state)),
      likely,
      this._acts(hit),
      element("p", { className: "warm", role: "status", hidden: true }, say("warm")),
      element("ul", { className: "shares", "aria-label": say("shares") }),
      element("p", { className: "error", role: "alert", hidden: true }),
      hit.text && hit.modality !== "text" && element("section", { className: "found" }, element("h3", {}, say("found")), element("p", {}, hit.text)),
      this._passages,
      facts(hit),
    );
  }

  _acts(hit) {
    const acts = element("div", { className: "acts" });
    const add = (name, label, act, pressed) => {
      const made = button(name, label, act, { words: true, pressed });
      made.dataset.act = name;
      acts.append(made);
      return made;
    };
    const { canJudge } = this._page;
    const asked = this._asked;
    if (asked && canJudge()) {
      add("yes", say("right"), () => this._judge(hit, hit.judged === true ? null : true), hit.judged === true);
      add("no", say("wrong"), () => this._judge(hit, hit.judged === false ? null : false), hit.judged === false);
    }
    add("like", say("like"), () => this._like(hit, 1));
    if (asked) add("unlike", say("unlike"), () => this._like(hit, -1));
    if (isExplained(asked) && this._picture && this._page.has("POST /api/tasks/explain")) {
      this._why = add("heat", say("why"), () => this._explain(hit), false);
    }
    if (isPictured(hit)) add("closely", say("closely"), () => this._closely());
    const original = element("a", {
      className: "worded", href: mediaOf(this._collection, hit.id), target: "_blank", rel: "noopener",
    }, say("original"));
    acts.append(original);
    return acts;
  }

  _like(hit, weight) {
    this._dialog.close();
    this._page.like(hit, weight);
  }

  async _judge(hit, said) {
    try {
      await this._page.judge(hit, said);
    } catch (error) {
      this._fault(error);
    }
  }

  async _explain(hit) {
    const isShown = this._why.getAttribute("aria-pressed") === "true";
    this._clear();
    this._why.setAttribute("aria-pressed", String(!isShown));
    if (isShown) {
      if (hit.details?.box) this._draw(box(hit.details.box));
      return;
    }
    this._why.setAttribute("aria-busy", "true");
    const why = this._why;
    try {
      const { query, parts } = this._asked;
      const body = { collection: this._collection, item: hit.id, query, parts };
      const found = await ask("tasks/explain", { body });
      if (this._hit !== hit) return;
      this._turn(hit, found.place.details.page);
      this._draw(heat(found.hit.parts.map((part) => within(part, found.place.details.box))));
      this._dialog.querySelector(".warm").hidden = false;
      this._dialog.querySelector(".shares").replaceChildren(...found.parts.map(share));
    } catch (error) {
      if (this._hit === hit) {
        why.setAttribute("aria-pressed", "false");
        this._fault(error);
      }
    } finally {
      why.removeAttribute("aria-busy");
    }
  }

  /** Show the page that is explained, which is where the item is most like the question. */
  _turn(hit, page) {
    if (page === undefined || page === (hit.details?.page ?? 1)) return;
    this._picture.src = thumbnailOf(this._collection, hit.id, SIDE, { page });
  }

  _draw(draw) {
    const clear = over(this._picture, draw);
    this._clear = () => {
      this._dialog.querySelector(".warm")?.setAttribute("hidden", "");
      this._dialog.querySelector(".shares")?.replaceChildren();
      clear();
      this._clear = () => {};
    };
  }

  /** Show what is said or written in an item, where the server tells it; a click goes there. */
  async _text(hit) {
    if (!this._page.has("GET /api/collections/{collection}/items/{item}/text")) return;
    const path = `${collectionPath(this._collection)}/items/${hit.id}/text`;
    const found = await ask(`${path}?${passagesAround(hit)}`).catch(() => null);
    if (this._hit !== hit || !found?.passages?.length) return;
    const paper = this._dialog.querySelector(".paper");
    if (paper) {
      paper.replaceChildren(...found.passages.map((one) => element(
        "p", { className: isSame(one, hit) ? "found" : "" }, one.text,
      )));
      paper.querySelector(".found")?.scrollIntoView({ block: "center" });
      return;
    }
    const list = element("ol", {});
    for (const one of found.passages) {
      // Of a document, spans are characters.
      const go = one.span && hit.modality !== "text" && element(
        "button", { type: "button", className: "time", onclick: () => this._seek(one.span[0]) },
        clock(one.span[0]),
      );
      const isFound = hit.modality === "text" && isSame(one, hit);
      list.append(element("li", { className: isFound ? "found" : "" }, go, one.text));
    }
    this._passages.append(element("h3", {}, say("said")), list);
    this._passages.hidden = false;
    list.querySelector(".found")?.scrollIntoView({ block: "nearest" });
  }

  _seek(seconds) {
    const player = this._dialog.querySelector("video, audio");
    if (!player) return;
    player.currentTime = seconds;
    player.play().catch(() => {}); // somebody paused it meanwhile, or it says itself what it lacks
  }

  _fault(error) {
    const line = this._dialog.querySelector(".side > .error[role=alert]");
    line.textContent = error.message;
    line.hidden = false;
  }

  _key(event) {
    const isPlayer = event.target.matches("video, audio, input");
    if (isPlayer || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    this._go(by);
  }
}

/** Call `go(by)` when a finger goes from right to left (1) or back (-1). */
function listenToSwipes(stand, go) {
  let began = null;
  stand.addEventListener("touchstart", ({ touches, target }) => {
    const isAlone = touches.length === 1 && !target.closest("video, audio, input");
    began = isAlone ? touches[0] : null;
  }, { passive: true });
  stand.addEventListener("touchend", ({ changedTouches: [ended] }) => {
    if (!began || began.identifier !== ended.identifier) return;
    const [across, down] = [ended.clientX - began.clientX, ended.clientY - began.clientY];
    if (Math.abs(across) > SWIPE && Math.abs(down) < Math.abs(across) * STRAIGHT) go(across < 0 ? 1 : -1);
  }, { passive: true });
}

/** A part of what is itself a part of the picture, such as a photo on a page, in the whole. */
function within({ box, weight }, outer) {
  if (!box || !outer) return { box, weight };
  const [left, upper, right, lower] = outer;
  const across = (x) => left + x * (right - left);
  const down = (y) => upper + y * (lower - upper);
  return { box: [across(box[0]), down(box[1]), across(box[2]), down(box[3])], weight };
}

/** Whether a question can be explained: something is wanted. */
const isExplained = (question) =>
  Boolean(question?.query || question?.parts?.some((part) => part.weight > 0));

/** What one part of a question adds to the score of a hit. */
function share({ what, question, score }) {
  const added = number(score, { minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero" });
  const name = question ? what : partNames[what] ? say(partNames[what]) : nameOf({ path: what });
  return element("li", {}, element("span", {}, name), element("b", {}, added));
}

/** Media that were sent have no names on the server. */
const partNames = { "<Image>": "thePicture", "<Audio>": "theSound" };

/** Passages that are shown at once: of a long text those around what was found. */
const PASSAGES = 200;

function passagesAround({ span, details }) {
  const { page, chapter } = details ?? {};
  const asked = { limit: PASSAGES, around: span?.[0], page, chapter };
  return new URLSearchParams(Object.entries(asked).filter(([, value]) => value !== undefined));
}

/** Whether a passage is the one that was found. */
const isSame = (passage, { text, span }) =>
  text !== null && text !== undefined && passage.text === text && passage.span?.[0] === span?.[0];
