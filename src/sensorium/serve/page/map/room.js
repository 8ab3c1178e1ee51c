/** The map of a collection: every item a dot, like beside like. */

import { ask, collectionPath, thumbnailOf } from "../api.js";
import { feedOf, feedOfHits, itemsOf } from "../chosen.js";
import { button, element, icon } from "../dom.js";
import { bytesOf, floats, shorts, whole } from "../packed.js";
import { nameOf, told } from "../place.js";
import { percent, say } from "../words.js";
import { MapCanvas } from "./canvas.js";
import { byKind, byMonth, painted } from "./colours.js";
import { Plane } from "./plane.js";

/** Hits that are drawn. */
const HITS = 1000;

/** Items around one that can be gone through when it is open. */
const AROUND = 30;

/** Items that the list tells, nearest to the middle first. */
const LISTED = 60;

/** Milliseconds that the pointer rests on a dot before it is asked what it is. */
const PATIENCE = 60;

const PICTURED = new Set(["image", "video", "mesh"]);

export class MapRoom {
  /** @param {HTMLElement} section @param {Object} page - see `rooms.js`. */
  constructor(section, page) {
    this._page = page;
    this._facts = new Map();
    this._hits = new Map();
    this._found = new Map();
    this._build(section);
  }

  /** Show the collection and the question as they are now. */
  async show() {
    const collection = this._page.collection();
    this._relabel();
    if (collection !== this._collection || this._isOld) {
      // Whatever comes meanwhile waits for the same map.
      if (this._bringing?.collection !== collection) {
        this._bringing = { collection, done: this._bring(collection).finally(() => (this._bringing = null)) };
      }
      await this._bringing.done;
    }
    if (collection === this._collection) await this._ask();
  }

  /** What was added or forgotten changes the map. */
  outdated() {
    this._isOld = true;
  }

  get focusable() {
    return this._canvas;
  }

  /** Ids of what is chosen. */
  get chosen() {
    return this._ids ? [...this._ids].filter((_, row) => this._chosen[row]) : [];
  }

  _build(section) {
    this._canvas = element("canvas", { tabIndex: 0, role: "application", "aria-describedby": "map-help" });
    this._help = element("p", { id: "map-help", className: "help" });
    this._told = element("p", { className: "told-map", role: "status" });
    this._tip = element("div", { className: "tip", hidden: true });
    this._tools = element("div", { className: "tools" });
    this._legend = element("div", { className: "legend" });
    this._bar = element("div", { className: "selected", role: "group", hidden: true });
    this._making = element("div", { className: "making", "aria-hidden": "true", hidden: true });
    this._list = element("details", { className: "listed", ontoggle: () => this._fillList() });
    this._field = element("div", { className: "field" }, this._canvas, this._tools, this._legend, this._tip, this._bar, this._making);
    section.replaceChildren(this._field, this._told, this._help, this._list);
    this._map = new MapCanvas(this._canvas, {
      open: (row) => this._open(row),
      pointed: (row, x, y) => this._point(row, x, y),
      drawn: (polygon, adds) => this._choose(this._plane.inside(polygon), adds),
      picked: (row) => this._toggle(row),
      rested: () => this._fillList(),
      escaped: () => this._choose([], false),
    });
  }

  /** Words of the language that is spoken now. */
  _relabel() {
    this._canvas.setAttribute("aria-label", say("mapOf", this._plane?.count ?? 0));
    this._help.textContent = say("mapHelp");
    const mode = (value, label, name) => button(name, say(label), () => {
      this._map.draws = value;
      this._field.classList.toggle("draws", value);
      this._relabel();
    }, { pressed: this._map.draws === value });
    const by = element("select", { "aria-label": say("colourBy"), onchange: () => this._paint() },
      element("option", { value: "kind" }, say("byKind")),
      (this._months?.months.length ?? 0) > 1 && element("option", { value: "month" }, say("byMonth")));
    by.value = this._by?.value === "month" && by.options.length > 1 ? "month" : "kind";
    // Where all are of one kind, months tell more.
    if (!this._by && by.options.length > 1 && this._modalities?.length < 2) by.value = "month";
    if (this._plane) this._by = by;
    this._tools.replaceChildren(
      mode(false, "moveMap", "move"), mode(true, "drawAround", "lasso"),
      button("plus", say("enlarge"), () => this._map.zoom(1.6)),
      button("minus", say("reduce"), () => this._map.zoom(1 / 1.6)),
      button("whole", say("wholeMap"), () => this._map.whole()),
      button("view", say("chooseSeen"), () => this._choose(this._seen(), false)),
      by,
    );
    this._list.replaceChildren(element("summary", {}, say("asList")), element("ul", {}));
    this._showBar();
  }

  async _bring(collection) {
    this._told.textContent = say("mapMaking");
    this._making.replaceChildren(element("p", {}, say("mapMaking")), element("progress", {}));
    this._making.hidden = false;
    const made = await ask(`${collectionPath(collection)}/map`).finally(() => (this._making.hidden = true));
    if (collection !== this._page.collection()) return;
    this._collection = collection;
    this._isOld = false;
    this._facts.clear();
    this._ids = whole(made.ids);
    this._rows = new Map(Array.from(this._ids, (id, row) => [id, row]));
    this._plane = new Plane(floats(made.x), floats(made.y));
    this._modalities = made.modalities;
    this._kinds = bytesOf(made.kinds);
    this._months = { months: made.months ?? [], taken: made.months ? shorts(made.taken) : null };
    this._chosen = new Uint8Array(this._ids.length);
    this._by = null;
    this._hits = new Map();
    this._relabel();
    this._paint();
  }

  /** Ask for the hits of the present question, and draw them. */
  async _ask() {
    const question = this._page.question();
    this._running?.abort();
    const abort = this._running = new AbortController();
    this._hits = new Map();
    this._found = new Map();
    if (question) {
      const body = { ...question, k: HITS, offset: 0 };
      try {
        const { hits } = await ask(`${collectionPath(this._collection)}/search`, { body, signal: abort.signal });
        if (abort.signal.aborted) return;
        for (const [place, hit] of hits.entries()) {
          const row = this._rows.get(hit.id);
          if (row === undefined || this._hits.has(row)) continue;
          // Where nothing is known of how likely a hit is, its place says it.
          this._hits.set(row, hit.probability ?? 1 / (1 + place / 8));
          this._found.set(hit.id, hit);
        }
      } catch (error) {
        if (error.name !== "AbortError") this._page.fault(error);
        return;
      }
    }
    this._paint();
  }

  /** Give all dots their colours. */
  _paint() {
    const isByMonth = this._by?.value === "month";
    const coloured = isByMonth ? byMonth(this._months) : byKind({ kinds: this._kinds, modalities: this._modalities });
    const isChosen = this._chosen.includes(1);
    const isDimmed = isChosen ? (row) => !this._chosen[row] : () => this._hits.size > 0;
    const pictured = this._modalities.map((one) => PICTURED.has(one));
    this._map.show({
      plane: this._plane, ids: this._ids, collection: this._collection, ...painted(coloured, isDimmed),
      hasPicture: (row) => pictured[this._kinds[row]], hits: this._hits, chosen: this._chosen,
    });
    this._legend.replaceChildren(...legendOf(coloured));
    this._tell();
    this._fillList();
  }

  _tell() {
    const likely = [...this._hits.values()].filter((one) => one >= 0.5).length;
    const isKnown = [...this._found.values()].some((hit) => hit.probability != null);
    this._told.textContent = [
      say("onMap", this._plane.count), this._hits.size && isKnown && say("likelyOnMap", likely),
    ].filter(Boolean).join(" · ");
    this._canvas.setAttribute("aria-label", say("mapOf", this._plane.count));
  }

  /** Rows of what is seen, the nearest to the middle first. */
  _seen() {
    const { camera } = this._map;
    const found = [];
    this._plane.each(camera.box(), (row) => found.push(row));
    const far = (row) => Math.hypot(this._plane.x[row] - camera.x, this._plane.y[row] - camera.y);
    return found.sort((one, other) => far(one) - far(other));
  }

  _choose(rows, adds) {
    if (!adds) this._chosen.fill(0);
    for (const row of rows) this._chosen[row] = 1;
    this._showBar();
    this._paint();
  }

  _toggle(row) {
    this._chosen[row] = 1 - this._chosen[row];
    this._showBar();
    this._paint();
  }

  /** What may be done with what is chosen. */
  _showBar() {
    const count = this._ids ? this._chosen.reduce((sum, one) => sum + one, 0) : 0;
    this._bar.hidden = !count;
    this._bar.setAttribute("aria-label", say("chosen", count));
    if (!count) return;
    const act = (name, label, done) => button(name, say(label), done, { words: true });
    this._bar.replaceChildren(...[
      element("strong", { role: "status" }, say("chosen", count)),
      act("like", "asGrid", () => this._page.showFeed(feedOf(this._collection, this._ordered(), this._found))),
      act("like", "likeThese", () => this._page.like(this._ordered())),
      this._page.canTeach() && act("tag", "giveLabel", () => this._page.teach(this._ordered())),
      button("close", say("chooseNothing"), () => {
        this._choose([], false);
        this._canvas.focus();
      }),
    ].filter(Boolean));
  }

  /** Ids of what is chosen, likelier hits first. */
  _ordered() {
    const strength = (id) => this._hits.get(this._rows.get(id)) ?? 0;
    return this.chosen.sort((one, other) => strength(other) - strength(one));
  }

  /** Open an item: among the hits if it is one, else among those around it. */
  _open(row) {
    const id = this._ids[row];
    const hits = [...this._found.values()];
    const place = hits.findIndex((hit) => hit.id === id);
    if (place >= 0 && this._hits.get(row) >= 0.05) {
      this._page.open(feedOfHits(hits), place);
      return;
    }
    const { x, y } = this._plane;
    const near = [];
    const enough = Math.min(AROUND, this._plane.count);
    for (let reach = 2 / this._map.camera.scale; near.length < enough && reach < 8; reach *= 2) {
      near.length = 0;
      this._plane.each([x[row] - reach, y[row] - reach, x[row] + reach, y[row] + reach], (one) => near.push(one));
    }
    const far = (one) => Math.hypot(x[one] - x[row], y[one] - y[row]) || (one === row ? -1 : 0);
    const ids = near.sort((one, other) => far(one) - far(other)).slice(0, AROUND).map((one) => this._ids[one]);
    this._page.open(feedOf(this._collection, ids, this._found), 0);
  }

  /** Say what a dot is, beside it. */
  _point(row, x, y) {
    clearTimeout(this._waiting);
    this._pointed = row;
    if (row < 0) {
      this._tip.hidden = true;
      return;
    }
    const id = this._ids[row];
    const show = (item) => {
      if (this._pointed === row) this._showTip(item, x, y);
    };
    const known = this._found.get(id) ?? this._facts.get(id);
    if (known) show(known);
    else {
      this._tip.hidden = true;
      this._waiting = setTimeout(async () => {
        const [item] = await itemsOf(this._collection, [id]).catch(() => []);
        if (!item) return;
        this._facts.set(id, item);
        show(item);
      }, PATIENCE);
    }
  }

  _showTip(item, x, y) {
    const hasPicture = PICTURED.has(item.modality);
    const strength = item.probability != null && say("probability", percent(item.probability));
    const taken = item.metadata?.taken;
    this._tip.replaceChildren(
      hasPicture ? element("img", { alt: "", src: thumbnailOf(this._collection, item.id, 256) }) : icon(item.modality),
      element("p", {}, element("strong", {}, nameOf(item)),
        element("span", {}, [say(item.modality), taken && String(taken).slice(0, 10), strength].filter(Boolean).join(", ")),
        item.text && element("span", {}, item.text.slice(0, 120))),
    );
    this._tip.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this._tip;
    const { clientWidth, clientHeight } = this._field;
    this._tip.style.left = `${Math.max(4, Math.min(x + 14, clientWidth - width - 4))}px`;
    this._tip.style.top = `${y + 14 + height > clientHeight ? Math.max(4, y - height - 14) : y + 14}px`;
    if (document.activeElement === this._canvas && this._map.focused === this._pointed) {
      this._told.textContent = told(item); // who does not see it hears it
    }
  }

  /** What is seen, for those who see no map: each can be opened and chosen. */
  async _fillList() {
    if (!this._list.open || !this._plane) return;
    const rows = this._seen();
    const asked = this._listing = {};
    const ids = rows.slice(0, LISTED).map((row) => this._ids[row]);
    const items = await itemsOf(this._collection, ids).catch(() => []);
    if (asked !== this._listing) return;
    const list = this._list.querySelector("ul");
    list.setAttribute("aria-label", say("listed", items.length, rows.length));
    list.replaceChildren(...items.map((item) => {
      const row = this._rows.get(item.id);
      const box = element("input", {
        type: "checkbox", checked: Boolean(this._chosen[row]), "aria-label": say("chooseItem", nameOf(item)),
        onchange: () => this._mark(row, box.checked),
      });
      const open = element("button", { type: "button", className: "plain", onclick: () => this._open(row) },
        told({ ...item, probability: this._found.get(item.id)?.probability }));
      return element("li", {}, box, open);
    }));
  }

  /** Choose an item without making its list anew, which would take the focus away. */
  _mark(row, is) {
    this._chosen[row] = Number(is);
    this._showBar();
    const open = this._list.open;
    this._list.open = false;
    this._paint();
    this._list.open = open;
  }
}

function legendOf({ entries, scale, from, until }) {
  if (entries) {
    return entries.map(({ name, colour }) => {
      const spot = element("span", { className: "spot" });
      spot.style.background = colour;
      return element("span", { className: "entry" }, spot, say(name) ?? name);
    });
  }
  const bar = element("span", { className: "scale", "aria-hidden": "true" });
  bar.style.background = `linear-gradient(90deg, ${scale.join()})`;
  return [element("span", {}, from), bar, element("span", {}, until)];
}
