/** Items or hits in the order that they are shown in, brought page by page as they are looked at. */

/** Items of a page. Pages start at multiples of it, so that what was brought is never asked twice. */
export const PAGE = 100;

/** Pages that are asked for at once. */
const AT_ONCE = 2;

/** Pages beside those that are looked at, after which a request is no longer worth its answer. */
const NEAR = 3;

/** Items that a page can lay out: browsers end heights at some 17 to 33 million pixels. */
export const MOST = 300_000;

export class Feed extends EventTarget {
  /**
   * @param {(offset: number, count: number, signal: AbortSignal) =>
   *   Promise<{items: Object[], total?: number}>} load - brings a page; a page that is not full
   *   is the last.
   * @param {number | null} total - how many there are; null where the end is found by looking on.
   */
  constructor(load, total) {
    super();
    this._grows = total === null;
    this.total = this._grows ? PAGE : Math.min(total, MOST);
    this.isCut = total > MOST;
    this._load = load;
    this._pages = new Map();
    this._running = new Map();
    this._range = [0, 0];
    this._beside = false;
    this._closed = false;
  }

  /** The item at a place; undefined where it was not brought yet. */
  at(index) {
    return this._pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Put a page that is known already. */
  put(page, items) {
    this._pages.set(page, items);
    if (items.length < PAGE) {
      this.total = Math.min(this.total, page * PAGE + items.length);
      this._grows = false;
    } else if (this._grows) this.total = Math.max(this.total, (page + 2) * PAGE);
  }

  /** Places that were brought: from the first up to the second of each pair. */
  get ranges() {
    return [...this._pages].map(([page, items]) => [page * PAGE, page * PAGE + items.length]);
  }

  /** All that was brought, with places. */
  *brought() {
    for (const page of [...this._pages.keys()].sort((a, b) => a - b)) {
      for (const [n, item] of this._pages.get(page).entries()) yield [page * PAGE + n, item];
    }
  }

  /** Bring what stands at places from `first` up to `stop`, and, where `beside`, what is next to it. */
  want(first, stop, beside = true) {
    this._beside = beside;
    this._range = [Math.floor(first / PAGE), Math.floor(Math.max(first, stop - 1) / PAGE)];
    for (const [page, { abort }] of this._running) {
      if (page >= this._range[0] - NEAR && page <= this._range[1] + NEAR) continue;
      abort.abort();
      this._running.delete(page); // at once, so that what is looked at now takes its turn
    }
    this._next();
  }

  /** The item at a place, brought if it was not. */
  async bring(index) {
    if (index < 0 || index >= this.total) return undefined;
    if (this.at(index) === undefined) {
      const page = Math.floor(index / PAGE);
      await (this._running.get(page)?.done ?? this._ask(page));
    }
    return this.at(index);
  }

  /** Ask for nothing more. */
  close() {
    this._closed = true;
    for (const { abort } of this._running.values()) abort.abort();
  }

  _next() {
    const [first, last] = this._range;
    const pages = [];
    for (let page = first; page <= last; page++) pages.push(page);
    if (this._beside) pages.push(last + 1, first - 1);
    for (const page of pages) {
      if (this._running.size >= AT_ONCE || this._closed) return;
      const known = this._pages.has(page) || this._running.has(page);
      if (page >= 0 && page * PAGE < this.total && !known) this._ask(page);
    }
  }

  _ask(page) {
    const abort = new AbortController();
    const own = { abort };
    own.done = this._bring(page, abort.signal).finally(() => {
      if (this._running.get(page) === own) this._running.delete(page);
      if (!abort.signal.aborted) this._next();
    });
    this._running.set(page, own);
    return own.done;
  }

  async _bring(page, signal) {
    try {
      const { items } = await this._load(page * PAGE, PAGE, signal);
      if (this._closed) return;
      this.put(page, items);
      const range = [page * PAGE, page * PAGE + items.length];
      this.dispatchEvent(Object.assign(new Event("change"), { range }));
    } catch (error) {
      if (error.name === "AbortError" || this._closed) return;
      this._closed = true; // else what fails is asked for again with every movement
      this.dispatchEvent(Object.assign(new Event("fault"), { error }));
    }
  }
}
