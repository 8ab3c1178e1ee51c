/** Classes that are taught by a few items: labels, examples of each, and what is found by them. */

import { ask, collectionPath, thumbnailOf } from "./api.js";
import { feedOf, itemsOf } from "./chosen.js";
import { button, element, icon } from "./dom.js";
import { nameOf, pictureOf } from "./place.js";
import { number, percent, say } from "./words.js";

/** Items that are shown to choose from, and each time that more are asked for. */
const SHOWN = 60;

/** Examples of a label that are shown beside it. */
const STRIP = 12;

const PICTURED = new Set(["image", "video", "mesh"]);

/** What a name may be: it becomes the name of metadata. */
const NAME = "[A-Za-z][A-Za-z0-9_]{0,63}";

export class ClassesRoom {
  /** @param {HTMLElement} section @param {Object} page - see `rooms.js`. */
  constructor(section, page) {
    this._page = page;
    this._drafts = new Map(); // by collection
    this._head = element("form", { className: "lesson", onsubmit: (event) => this._train(event) });
    this._waiting = element("div", { className: "waiting", role: "group", hidden: true });
    this._labels = element("ul", { className: "labels", role: "list" });
    this._sources = element("div", { className: "sources" });
    this._told = element("p", { className: "told-map", role: "status" });
    this._tiles = element("ul", { className: "tiles", role: "list" });
    this._more = element("button", { type: "button", className: "plain", onclick: () => this._look(true) });
    section.replaceChildren(this._head, this._waiting, this._labels, this._sources, this._told, this._tiles, this._more);
  }

  /** What is taught now: its name, labels with the ids of their examples, and what was trained of it. */
  get _draft() {
    const collection = this._page.collection();
    if (!this._drafts.has(collection)) this._drafts.set(collection, fresh());
    return this._drafts.get(collection);
  }

  async show() {
    const path = `${collectionPath(this._page.collection())}/classes`;
    this._saved = (await ask(path)).classes;
    this._drawAll();
    await this._look();
  }

  outdated() {}

  get focusable() {
    return this._tiles.querySelector(`[data-id="${this._opened}"]`) ?? this._head.querySelector("input");
  }

  /** Take items that are to get a label. */
  take(ids) {
    this._taken = ids;
    this._drawWaiting();
    this._waiting.querySelector("input, button")?.focus();
  }

  _drawAll() {
    this._drawHead();
    this._drawWaiting();
    this._drawLabels();
    this._drawSources();
  }

  _drawHead() {
    const draft = this._draft;
    const chosen = element("select", { onchange: () => this._open(chosen.value) },
      element("option", { value: "" }, say("newClasses")),
      ...this._saved.map(({ name }) => element("option", { value: name, selected: name === draft.saved }, name)));
    const name = element("input", {
      type: "text", required: true, pattern: NAME, maxLength: 64, value: draft.name, title: say("classNameRule"),
      autocomplete: "off", spellcheck: false, oninput: () => (draft.name = name.value),
    });
    const canTeach = this._page.may("judge");
    const act = (sign, label, done) => button(sign, say(label), done, { words: true });
    this._head.replaceChildren(...[
      element("label", {}, element("span", {}, say("savedClasses")), chosen),
      element("label", {}, element("span", {}, say("classesName")), name),
      element("button", { className: "strong", disabled: !canTeach || !isReady(draft) }, say(draft.trained ? "trainAgain" : "train")),
      draft.saved && act("like", "asGrid", () => this._asGrid()),
      draft.saved && canTeach && act("tag", "labelAll", () => this._labelAll()),
      draft.saved && canTeach && act("close", "forgetClasses", () => this._forget()),
    ].filter(Boolean));
  }

  /** Items that were brought from the map or from judged hits wait for their label. */
  _drawWaiting() {
    const ids = this._taken ?? [];
    this._waiting.hidden = !ids.length;
    if (!ids.length) return;
    const give = (label) => {
      this._give(label, ids);
      this._taken = null;
      this._drawAll();
      this._look();
    };
    const input = element("input", { type: "text", maxLength: 200, "aria-label": say("newLabel"), placeholder: say("newLabel") });
    const form = element("form", {
      onsubmit: (event) => {
        event.preventDefault();
        if (input.value.trim()) give(input.value.trim());
      },
    }, input, element("button", { className: "worded" }, say("giveLabel")));
    this._waiting.setAttribute("aria-label", say("labelFor", ids.length));
    this._waiting.replaceChildren(
      element("strong", {}, say("labelFor", ids.length)),
      ...this._draft.labels.map(({ name }) =>
        element("button", { type: "button", className: "worded", onclick: () => give(name) }, name)),
      form,
      button("close", say("cancel"), () => this.take(null)),
    );
  }

  _drawLabels() {
    const draft = this._draft;
    this._labels.replaceChildren(
      ...draft.labels.map((label) => this._label(label)),
      element("li", { className: "label new" }, this._newLabel()),
    );
  }

  _label(label) {
    const draft = this._draft;
    const radio = element("input", {
      type: "radio", name: "active-label", checked: draft.active === label.name,
      onchange: () => {
        draft.active = label.name;
        this._drawLabels();
        this._markTiles();
      },
    });
    const strip = element("span", { className: "strip", "aria-hidden": "true" },
      ...label.items.slice(0, STRIP).map((id) =>
        element("img", { alt: "", loading: "lazy", src: thumbnailOf(this._page.collection(), id, 128) })));
    return element("li", { className: draft.active === label.name ? "label active" : "label" },
      element("label", {}, radio, element("strong", {}, label.name), element("span", {}, say("examples", label.items.length)), strip),
      button("close", say("removeLabel", label.name), () => {
        draft.labels.splice(draft.labels.indexOf(label), 1);
        draft.active = draft.labels[0]?.name ?? "";
        this._drawAll();
        this._markTiles();
      }));
  }

  _newLabel() {
    const input = element("input", { type: "text", maxLength: 200, "aria-label": say("newLabel"), placeholder: say("newLabel") });
    return element("form", {
      onsubmit: (event) => {
        event.preventDefault();
        const name = input.value.trim();
        if (!name) return;
        this._give(name, []);
        this._draft.active = name;
        this._drawAll();
        this._markTiles();
        this._labels.querySelector(".new input").focus();
      },
    }, input, submit(say("addLabel")));
  }

  /** Make items examples of a label, and of no other one. */
  _give(name, ids) {
    const draft = this._draft;
    let label = draft.labels.find((one) => one.name === name);
    if (!label) draft.labels.push(label = { name, items: [] });
    for (const other of draft.labels) other.items = other.items.filter((id) => !ids.includes(id));
    label.items.push(...ids);
    draft.active ||= name;
  }

  /** Where items to choose from come from: the question, or what was found of a label. */
  _drawSources() {
    const draft = this._draft;
    const counts = draft.trained?.counts;
    const judged = this._judged();
    const choice = (value, words) => element("label", {},
      element("input", { type: "radio", name: "source", value, checked: draft.source === value, onchange: () => {
        draft.source = value;
        this._drawSources();
        this._look();
      } }), element("span", {}, words));
    this._sources.replaceChildren(...[
      element("div", { className: "modes", role: "radiogroup", "aria-label": say("chooseFrom") },
        choice("", say(this._page.question() ? "fromHits" : "fromAll")),
        ...(counts ? draft.trained.labels.map((name) => choice(`=${name}`, say("foundOf", name, counts[name] ?? 0))) : [])),
      draft.source && element("label", { className: "check" },
        element("input", { type: "checkbox", checked: draft.unsure, onchange: (event) => {
          draft.unsure = event.target.checked;
          this._look();
        } }), element("span", {}, say("unsureFirst"))),
      !draft.source && judged.right.length > 0 && button("yes", say("takeRight", judged.right.length), () => this.take(judged.right), { words: true }),
      !draft.source && judged.wrong.length > 0 && button("no", say("takeWrong", judged.wrong.length), () => this.take(judged.wrong), { words: true }),
    ].filter(Boolean));
  }

  /** What was judged of the present question. */
  _judged() {
    const said = Object.entries(this._page.feed()?.judgements ?? {});
    const of = (wanted) => said.filter(([, is]) => is === wanted).map(([id]) => Number(id));
    return { right: of(true), wrong: of(false) };
  }

  /** Bring items to choose from; `goesOn` for further ones. */
  async _look(goesOn = false) {
    const draft = this._draft;
    const asked = this._looking = {};
    const offset = goesOn ? this._tiles.children.length : 0;
    try {
      const { items, total } = draft.source ? await this._found(draft, offset) : await this._present(offset);
      if (asked !== this._looking) return;
      const tiles = items.map((item) => this._tile(item));
      if (goesOn) this._tiles.append(...tiles);
      else this._tiles.replaceChildren(...tiles);
      this._markTiles();
      this._more.hidden = offset + items.length >= total || !items.length;
      this._more.textContent = say("moreItems");
    } catch (error) {
      this._page.fault(error);
    }
  }

  /** Items of a label, with how likely they are of it. */
  async _found(draft, offset) {
    const label = draft.source.slice(1);
    const asked = new URLSearchParams({ label, offset, limit: SHOWN, unsure: draft.unsure });
    const path = `${collectionPath(this._page.collection())}/classes/${draft.saved}/items?${asked}`;
    const { items, total, counts } = await ask(path);
    draft.trained.counts = counts;
    const likely = new Map(items.map(({ id, labels }) => [id, labels[label]]));
    const facts = await itemsOf(this._page.collection(), items.map(({ id }) => id));
    return { total, items: facts.map((item) => ({ ...item, probability: likely.get(item.id), label })) };
  }

  /** Items that the grid shows. */
  async _present(offset) {
    const feed = this._page.feed();
    const items = [];
    const seen = new Set();
    for (let n = offset; n < Math.min(offset + SHOWN, feed.total); n++) {
      const item = await feed.bring(n);
      if (item && !seen.has(item.id)) items.push({ ...item, label: null });
      seen.add(item?.id);
    }
    return { items, total: feed.total };
  }

  _tile(item) {
    const hasPicture = PICTURED.has(item.modality);
    const shown = element("button", { type: "button", className: "tile", onclick: () => this._toggle(item.id) },
      hasPicture
        ? element("img", { alt: "", loading: "lazy", draggable: false, src: thumbnailOf(this._page.collection(), item.id, 256, pictureOf(item)) })
        : element("span", { className: "worded-tile" }, icon(item.modality), element("span", { "aria-hidden": "true" }, nameOf(item))),
      element("span", { className: "unseen" }),
      element("span", { className: "given", "aria-hidden": "true" }),
      item.probability != null && element("span", { className: "sure", "aria-hidden": "true" }, percent(item.probability)));
    shown.dataset.id = item.id;
    const told = item.label && item.probability != null ? say("isLikely", item.label, percent(item.probability)) : "";
    shown.told = [nameOf(item), told].filter(Boolean).join(", ");
    const open = button("open", say("openItem", nameOf(item)), () => {
      this._opened = item.id;
      this._page.open(feedOf(this._page.collection(), [item.id], new Map([[item.id, { probability: item.probability }]])), 0);
    });
    return element("li", {}, shown, open);
  }

  /** Say on each tile which label it is an example of. */
  _markTiles() {
    const draft = this._draft;
    const help = draft.active ? say("classesHelp", draft.active) : say("classesStart");
    this._told.textContent = [draft.note, help].filter(Boolean).join(" ");
    const given = new Map(draft.labels.flatMap(({ name, items }) => items.map((id) => [id, name])));
    for (const tile of this._tiles.querySelectorAll(".tile")) {
      const label = given.get(Number(tile.dataset.id));
      tile.querySelector(".given").textContent = label ?? "";
      tile.setAttribute("aria-pressed", String(Boolean(label)));
      tile.classList.toggle("other", Boolean(label) && label !== draft.active);
      tile.querySelector(".unseen").textContent = [tile.told, label && say("exampleOf", label)].filter(Boolean).join(", ");
      tile.disabled = !draft.active;
    }
  }

  /** Make an item an example of the label that is chosen, or take it back. */
  _toggle(id) {
    const draft = this._draft;
    const label = draft.labels.find(({ name }) => name === draft.active);
    if (!label) return;
    if (label.items.includes(id)) label.items = label.items.filter((one) => one !== id);
    else this._give(label.name, [id]);
    this._drawHead();
    this._drawLabels();
    this._markTiles();
  }

  async _train(event) {
    event.preventDefault();
    const draft = this._draft;
    const strong = this._head.querySelector(".strong");
    strong.disabled = true;
    strong.setAttribute("aria-busy", "true");
    const labels = Object.fromEntries(draft.labels.filter(({ items }) => items.length).map(({ name, items }) => [name, items]));
    const path = `${collectionPath(this._page.collection())}/classes`;
    try {
      const made = await ask(path, { body: { name: draft.name, labels } });
      const { counts } = await ask(`${path}/${draft.name}/items?limit=1`);
      draft.saved = made.name;
      draft.trained = { labels: made.labels, counts };
      if (!made.labels.includes(draft.source.slice(1))) draft.source = `=${made.labels[0]}`;
      this._page.fault(null);
      draft.note = say("trained", number(Object.values(counts).reduce((a, b) => a + b, 0)));
      await this.show();
    } catch (error) {
      this._page.fault(error);
      this._drawHead();
    }
  }

  /** Go on with saved classes, or begin new ones. */
  async _open(name) {
    const collection = this._page.collection();
    const path = `${collectionPath(collection)}/classes`;
    if (!name) {
      this._drafts.set(collection, fresh());
    } else {
      try {
        const { labels } = await ask(`${path}/${name}/examples`);
        const { counts } = await ask(`${path}/${name}/items?limit=1`);
        const names = Object.keys(labels);
        this._drafts.set(collection, {
          ...fresh(), name, saved: name, active: names[0], source: `=${names[0]}`,
          labels: names.map((one) => ({ name: one, items: labels[one] })), trained: { labels: names, counts },
        });
      } catch (error) {
        this._page.fault(error);
      }
    }
    this._drawAll();
    await this._look();
    this._head.querySelector("select").focus();
  }

  /** Show what was found of the label in the grid, likeliest first. */
  async _asGrid() {
    const draft = this._draft;
    const label = draft.source.slice(1) || draft.trained.labels[0];
    const asked = new URLSearchParams({ label, limit: 10_000 });
    const { items } = await ask(`${collectionPath(this._page.collection())}/classes/${draft.saved}/items?${asked}`);
    const known = new Map(items.map(({ id, labels }) => [id, { probability: labels[label] }]));
    this._page.showFeed(feedOf(this._page.collection(), [...known.keys()], known));
  }

  async _labelAll() {
    const draft = this._draft;
    if (!confirm(say("labelAllAsk", draft.saved))) return;
    try {
      const path = `${collectionPath(this._page.collection())}/classes/${draft.saved}/classify`;
      const { total } = await ask(path, { body: {} });
      this._told.textContent = say("labelledAll", total, `${draft.saved} = '${draft.trained.labels[0]}'`);
    } catch (error) {
      this._page.fault(error);
    }
  }

  async _forget() {
    const draft = this._draft;
    if (!confirm(say("forgetClassesAsk", draft.saved))) return;
    try {
      await ask(`${collectionPath(this._page.collection())}/classes/${draft.saved}`, { method: "DELETE" });
      this._drafts.delete(this._page.collection());
      await this.show();
    } catch (error) {
      this._page.fault(error);
    }
  }
}

const fresh = () => ({ name: "kind", saved: "", labels: [], active: "", source: "", unsure: false, trained: null, note: "" });

/** Two labels at least have examples. */
const isReady = ({ labels }) => labels.filter(({ items }) => items.length).length >= 2;

const submit = (label) => element("button", { className: "icon", title: label, "aria-label": label }, icon("plus"));
