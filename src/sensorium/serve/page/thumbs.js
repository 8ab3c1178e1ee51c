/** Small pictures, brought few at a time so that a search finds the way to the server free. */

/** Requests at once: a browser opens six ways to a server. */
const AT_ONCE = 4;

/** Milliseconds that a picture stays in view before it is asked for, while much passes by. */
const PATIENCE = 90;

const waiting = new Set();
let running = 0;
let isPassing = false;
let timer = 0;

/** Show a picture in an `<img>` when it is its turn. */
export function bring(image, address) {
  release(image);
  image.dataset.address = address;
  waiting.add(image);
  if (!isPassing) next();
}

/** Bring it no more: it went out of sight. */
export function release(image) {
  waiting.delete(image);
  delete image.dataset.address;
  if (image.src) image.removeAttribute("src"); // ends a request that still runs
  image.classList.remove("shown");
  if (image.isRunning) ended(image);
}

/** Say that all moves by quickly: nothing is asked for until it rests. */
export function pass() {
  isPassing = true;
  clearTimeout(timer);
  timer = setTimeout(() => {
    isPassing = false;
    next();
  }, PATIENCE);
}

function next() {
  for (const image of waiting) {
    if (running >= AT_ONCE) return;
    waiting.delete(image);
    running++;
    image.isRunning = true;
    image.onload = () => {
      image.classList.add("shown");
      ended(image);
    };
    image.onerror = () => {
      image.dispatchEvent(new Event("missing"));
      ended(image);
    };
    image.src = image.dataset.address;
  }
}

function ended(image) {
  image.isRunning = false;
  image.onload = image.onerror = null;
  running--;
  if (!isPassing) next();
}
