/** The rooms of the page, of which one is shown: the grid, and others that are brought when they are entered. */

import { byId } from "./dom.js";

/** Modules of rooms, with the name of what they export. */
const ROOMS = {
  map: () => import("./map/room.js").then(({ MapRoom }) => MapRoom),
  classes: () => import("./classes.js").then(({ ClassesRoom }) => ClassesRoom),
  copies: () => import("./copies.js").then(({ CopiesRoom }) => CopiesRoom),
};

/** Addresses without which a room is not offered. */
const NEEDS = {
  map: "GET /api/collections/{collection}/map",
  classes: "GET /api/collections/{collection}/classes",
  copies: "GET /api/collections/{collection}/duplicates",
};

export class Rooms {
  /**
   * @param {Object} page - what the page tells rooms, and does for them: `collection()`,
   *   `question()`, `feed()` what the grid shows, `has(address)`, `may(scope)`, `open(feed, index)` one item large,
   *   `showFeed(feed)` in the grid, `like(ids)`, `forgot()` after items were, `fault(error)`, `entered(name)`.
   */
  constructor(page) {
    this._page = {
      ...page,
      canTeach: () => page.may("judge") && page.has(NEEDS.classes),
      teach: async (ids) => {
        await this.enter("classes");
        (await this._made.get("classes")).take(ids);
      },
    };
    this._made = new Map();
    this.name = "grid";
    byId("rooms").addEventListener("change", (event) => this.enter(event.target.value));
  }

  /** Offer the rooms that the server has what they need for. */
  offer() {
    for (const one of document.querySelectorAll("[name=room]")) {
      one.parentElement.hidden = one.value in NEEDS && !this._page.has(NEEDS[one.value]);
    }
    byId("rooms").hidden = document.querySelectorAll("[name=room]").length < 2;
  }

  async enter(name) {
    const chosen = document.querySelector(`[name=room][value="${CSS.escape(name)}"]`);
    if (!chosen || chosen.parentElement.hidden) return;
    chosen.checked = true;
    this.name = name;
    byId("grid-room").hidden = name !== "grid";
    for (const other of Object.keys(ROOMS)) byId(`${other}-room`).hidden = other !== name;
    this._page.entered(name);
    await this.changed();
  }

  /** The collection or the question is another, or the language: show it in the room that is open. */
  async changed() {
    const { name } = this;
    if (!(name in ROOMS)) return;
    try {
      if (!this._made.has(name)) {
        const made = ROOMS[name]().then((Room) => new Room(byId(`${name}-room`), this._page));
        made.catch(() => this._made.delete(name));
        this._made.set(name, made);
      }
      const room = await this._made.get(name);
      if (this.name === name) await room.show();
    } catch (error) {
      this._page.fault(error);
    }
  }

  /** What the collection holds is another. */
  async outdated() {
    for (const made of this._made.values()) (await made).outdated();
    await this.changed();
  }

  /** Whether a room other than the grid takes the focus back, after an item was looked at. */
  takeFocus() {
    if (this.name === "grid") return false;
    this._made.get(this.name)?.then((room) => room.focusable?.focus());
    return true;
  }
}
