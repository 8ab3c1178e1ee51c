/** The conversation beside the grid: opened and closed here, and brought when it is first opened. */

import { byId } from "./dom.js";

/** Without this address none is offered. */
const NEEDS = "POST /v1/chat/completions";

/** Where it covers the page, which is out of reach then; as in `chat/chat.css`. */
const COVERS = matchMedia("(max-width: 760px)");

export class Talk {
  /**
   * @param {Object} page - what the page tells a conversation, and does for it: `collection()`,
   *   `has(address)`, `open(feed, index)` one item large, `showFeed(feed)` in the grid, `fault(error)`.
   */
  constructor(page) {
    this._page = {
      ...page,
      open: (feed, index) => {
        this._opener = document.activeElement;
        page.open(feed, index);
      },
      showFeed: (feed) => {
        this.giveWay();
        page.showFeed(feed);
      },
    };
    this._made = null;
    this._opener = null;
    byId("talk").onclick = () => (this.isOpen ? this.close() : this.open());
    byId("chat-close").onclick = () => this.close();
    byId("chat").addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.close();
    });
    COVERS.addEventListener("change", () => this._cover());
  }

  get isOpen() {
    return !byId("chat").hidden;
  }

  /** Offer it where the server talks. */
  offer() {
    byId("talk").hidden = !this._page.has(NEEDS);
  }

  async open() {
    if (byId("talk").hidden) return;
    this._show(true);
    byId("say").focus();
    await this.changed();
  }

  close() {
    this._show(false);
    byId("talk").focus();
  }

  /** Close it where it covers what is to be seen now. */
  giveWay() {
    if (COVERS.matches && this.isOpen) this.close();
  }

  /** The collection is another, or the language. */
  async changed() {
    if (this.isOpen) (await this._panel())?.show();
  }

  /** Say something with files. */
  async take(files) {
    byId("say").focus();
    await (await this._panel())?.take(files);
  }

  /** Whether it takes the focus back, after an item of it was looked at. */
  takeFocus() {
    const opener = this._opener;
    this._opener = null;
    if (!this.isOpen || !opener) return false;
    (opener.isConnected ? opener : byId("say")).focus();
    return true;
  }

  async _panel() {
    this._made ??= import("./chat/panel.js").then(({ Panel }) => new Panel(this._page));
    try {
      return await this._made;
    } catch (error) {
      this._made = null;
      this._page.fault(error);
      return null;
    }
  }

  _show(isOpen) {
    byId("chat").hidden = !isOpen;
    byId("talk").setAttribute("aria-expanded", String(isOpen));
    document.body.classList.toggle("talks", isOpen);
    this._cover();
  }

  _cover() {
    const isCovered = this.isOpen && COVERS.matches;
    for (const one of document.querySelectorAll("body > header, body > #filters, body > main")) one.inert = isCovered;
  }
}
