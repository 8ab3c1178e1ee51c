/** Small pictures of what is seen of the map, brought a few at a time and kept while they may be needed. */

import { thumbnailOf } from "../api.js";

/** Requests at once: a browser opens six ways to a server, and questions need one. */
const AT_ONCE = 4;

/** Pictures that are kept, of some 20 KB each. */
const MOST = 1500;

/** Pixels of their longer side. */
const SIDE = 128;

export class Pictures {
  /** @param {() => void} arrived - called when one is there. */
  constructor(arrived) {
    this._arrived = arrived;
    this._kept = new Map();
    this._wanted = [];
    this._running = 0;
  }

  /** Show another collection. */
  of(collection) {
    if (collection === this._collection) return;
    this._collection = collection;
    this._kept.clear();
    this._wanted = [];
  }

  /** The picture of an item if it is there. */
  get(id) {
    const image = this._kept.get(id);
    if (!image) return null;
    this._kept.delete(id); // what was seen last is kept longest
    this._kept.set(id, image);
    return image.isThere ? image : null;
  }

  /** Bring pictures of these items, and of no others any more. */
  want(ids) {
    this._wanted = ids.filter((id) => !this._kept.has(id));
    this._next();
  }

  _next() {
    while (this._running < AT_ONCE && this._wanted.length) {
      const id = this._wanted.shift();
      const image = new Image();
      this._kept.set(id, image);
      this._running++;
      const ended = () => {
        this._running--;
        this._next();
      };
      image.onload = () => {
        image.isThere = true;
        this._arrived();
        ended();
      };
      image.onerror = ended;
      image.src = thumbnailOf(this._collection, id, SIDE);
    }
    for (const [id] of this._kept) {
      if (this._kept.size <= MOST) break;
      this._kept.delete(id);
    }
  }
}
