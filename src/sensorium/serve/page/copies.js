/** What is there more than once, side by side: copies, and what looks altered; which are kept. */

import { ask, collectionPath, thumbnailOf } from "./api.js";
import { feedOfHits } from "./chosen.js";
import { button, element, icon } from "./dom.js";
import { folderOf, nameOf, pictureOf } from "./place.js";
import { number, percent, say } from "./words.js";

/** Groups that are shown, and each time that more are asked for. */
const SHOWN = 30;

/** Items that the server forgets in one request. */
const AT_ONCE = 10_000;

const PICTURED = new Set(["image", "video", "mesh"]);

export class CopiesRoom {
  /** @param {HTMLElement} section @param {Object} page - see `rooms.js`. */
  constructor(section, page) {
    this._page = page;
    this._dropped = new Set(); // ids that are to be forgotten
    this._form = element("form", { className: "lesson", onsubmit: (event) => {
      event.preventDefault();
      this._find();
    } });
    this._told = element("p", { className: "told-map", role: "status" });
    this._list = element("ul", { className: "groups", role: "list" });
    this._more = element("button", { type: "button", className: "plain", hidden: true, onclick: () => this._bring() });
    this._bar = element("div", { className: "forgetting", role: "group", hidden: true });
    section.replaceChildren(this._form, this._told, this._list, this._more, this._bar);
  }

  async show() {
    const collection = this._page.collection();
    if (collection !== this._collection) {
      this._collection = collection;
      this._groups = null;
      this._dropped.clear();
    }
    this._altered ??= element("input", { type: "checkbox", checked: true });
    this._form.replaceChildren(
      element("button", { className: "strong" }, say("findCopies")),
      element("label", { className: "check" }, this._altered, element("span", {}, say("alteredToo"))),
    );
    this._more.textContent = say("moreItems");
    this._draw();
  }

  outdated() {
    // What was found stays shown: whoever forgets some goes on with the others.
  }

  get focusable() {
    return this._opened;
  }

  async _find() {
    this._groups = [];
    this._dropped.clear();
    this._draw();
    await this._bring();
  }

  async _bring() {
    const collection = this._collection;
    const find = this._form.querySelector(".strong");
    find.disabled = this._more.disabled = true;
    this._told.replaceChildren(say("findingCopies"), element("progress", { "aria-hidden": "true" }));
    const asked = new URLSearchParams({ altered: this._altered.checked, offset: this._groups.length, limit: SHOWN });
    try {
      const { groups, count } = await ask(`${collectionPath(collection)}/duplicates?${asked}`);
      if (collection !== this._collection) return;
      for (const group of groups) {
        // Of copies nothing is lost but the place; what was altered is kept unless somebody says so.
        if (group.kind === "copies") for (const { id } of group.items.slice(1)) this._dropped.add(id);
      }
      this._groups.push(...groups);
      this._count = count;
    } catch (error) {
      this._page.fault(error);
    } finally {
      find.disabled = this._more.disabled = false;
      this._draw();
    }
  }

  _draw() {
    const groups = this._groups ?? [];
    this._list.replaceChildren(...groups.map((group) => this._group(group)));
    this._more.hidden = !groups.length || groups.length >= this._count;
    this._told.textContent = !this._groups ? say("copiesHelp") : say("copiesFound", this._count ?? 0);
    this._drawBar();
  }

  _group(group) {
    const isSame = group.kind === "copies";
    const heading = element("h2", {},
      element("span", { className: isSame ? "same" : "altered" }, icon(isSame ? "yes" : "view"), say(isSame ? "copies" : "altered")),
      element("span", { className: "why" }, say(isSame ? "copiesWhy" : "alteredWhy")));
    const members = element("ul", { role: "list" }, ...group.items.map((item, place) => this._member(group, item, place)));
    return element("li", { className: "group" }, heading, members);
  }

  _member(group, item, place) {
    const open = element("button", {
      type: "button", className: "pair", "aria-label": say("openItem", nameOf(item)),
      onclick: () => {
        this._opened = open;
        this._page.open(feedOfHits(group.items), place);
      },
    }, PICTURED.has(item.modality)
      ? element("img", { alt: "", loading: "lazy", src: thumbnailOf(this._collection, item.id, 512, pictureOf(item)) })
      : element("span", { className: "worded-tile" }, icon(item.modality)));
    const keep = element("input", {
      type: "checkbox", checked: !this._dropped.has(item.id), disabled: !this._page.may("delete"),
      onchange: () => {
        if (keep.checked) this._dropped.delete(item.id);
        else this._dropped.add(item.id);
        member.classList.toggle("dropped", !keep.checked);
        this._drawBar();
      },
    });
    const { width, height, taken } = item.metadata ?? {};
    const facts = [
      width && `${number(width)} × ${number(height)}`, taken && String(taken).slice(0, 10),
      place > 0 && group.kind === "altered" && say("alike", percent(group.scores[place])),
      item.state && say(item.state),
    ];
    const member = element("li", { className: this._dropped.has(item.id) ? "dropped" : "" },
      open,
      element("strong", {}, nameOf(item)),
      element("span", { className: "where" }, folderOf(item)),
      element("span", {}, facts.filter(Boolean).join(" · ")),
      element("label", { className: "check" }, keep, element("span", {}, say(place ? "keep" : "keepBest"))));
    return member;
  }

  /** What is to be forgotten; nothing is before somebody says so again. */
  _drawBar() {
    const count = this._dropped.size;
    this._bar.hidden = !count || !this._page.may("delete");
    this._bar.setAttribute("aria-label", say("toForget", count));
    this._bar.replaceChildren(
      element("strong", { role: "status" }, say("toForget", count)),
      button("close", say("forgetThese"), () => this._forget(), { words: true }),
      button("yes", say("keepAll"), () => {
        this._dropped.clear();
        this._draw();
      }, { words: true }),
    );
  }

  async _forget() {
    const lost = (this._groups ?? []).filter(({ items }) => items.every(({ id }) => this._dropped.has(id))).length;
    const asked = [say("forgetAsk", this._dropped.size), lost && say("noneKept", lost)].filter(Boolean).join("\n\n");
    if (!confirm(asked)) return;
    const ids = [...this._dropped];
    try {
      for (let first = 0; first < ids.length; first += AT_ONCE) {
        const some = ids.slice(first, first + AT_ONCE);
        await ask(`${collectionPath(this._collection)}/items`, { body: { ids: some }, method: "DELETE" });
        for (const id of some) this._dropped.delete(id);
      }
    } catch (error) {
      this._page.fault(error);
    }
    const groups = this._groups
      .map((group) => ({ ...group, ...left(group, new Set(ids.filter((id) => !this._dropped.has(id)))) }))
      .filter(({ items }) => items.length > 1);
    this._count -= this._groups.length - groups.length;
    this._groups = groups;
    this._draw();
    await this._page.forgot();
    this._form.querySelector(".strong").focus();
  }
}

/** Items of a group, and their scores, without those that are gone. */
function left({ items, scores }, gone) {
  const stays = (_, n) => !gone.has(items[n].id);
  return { items: items.filter(stays), scores: scores.filter(stays) };
}
