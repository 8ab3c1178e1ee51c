/** Elements made from plain values. Text is only ever set as text, never as markup. */

const SVG = "http://www.w3.org/2000/svg";

/** Outlines on a field of 24 by 24, drawn with round strokes. */
const ICONS = {
  plus: "M12 5v14M5 12h14",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15.5 9h.01",
  microphone: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM6 11a6 6 0 0 0 12 0M12 17v4",
  filter: "M4 6h16M7 12h10M10 18h4",
  upload: "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
  close: "M6 6l12 12M18 6 6 18",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  like: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM16.5 13.5v6M13.5 16.5h6",
  unlike: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13.5 16.5h6",
  yes: "M5 12.5l4.5 4.5L19 7.5",
  no: "M6 6l12 12M18 6 6 18",
  heat: "M12 3c4 4 6 7 6 10.5a6 6 0 0 1-12 0C6 11 7.5 9 9 8c0 2 1 3 2 3 1.5 0 2-3.5 1-8z",
  open: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  audio: "M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM19 16a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z",
  video: "M8 5v14l11-7z",
  text: "M6 3h9l4 4v14H6zM9 11h7M9 15h7",
  mesh: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5",
  stop: "M7 7h10v10H7z",
  minus: "M5 12h14",
  move: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3",
  lasso: "M9 16c-4-.6-6-3-6-5.500C3 7 7 5 12 5s9 2 9 5.500-4 6-9 6c-1 0-2 .5-2 2s1.500 2.500 3 2.500",
  whole: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  view: "M5 5h14v14H5zM9 12.500l2 2 4-4.500",
  closely: "M11 5a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15.500 15.500 20 20M8.500 11h5M11 8.500v5",
  talk: "M4 5h16v11H10l-5 4v-4H4zM8 9h8M8 12h5",
  send: "M12 19V5M6 11l6-6 6 6",
  download: "M12 4v12M7 11l5 5 5-5M4 18v2h16v-2",
  warning: "M12 4 3 20h18zM12 10v5M12 17.500v.010",
  question: "M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 17.500v.010M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z",
  tag: "M4 4h8l8 8-8 8-8-8zM8.500 8.500h.01",
};

/**
 * Make an element.
 * @param {string} tag
 * @param {Object} facts - properties (`className`, `onclick`), or attributes where there is a dash.
 * @param {...(Node|string|null|undefined|false)} children - strings become text.
 */
export function element(tag, facts = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child || child === 0));
  return made;
}

/** An icon, which says nothing: whoever shows it is labelled. */
export function icon(name) {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("viewBox", "0 0 24 24");
  drawn.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawn.append(path);
  return drawn;
}

/** A button of an icon alone, or with words beside it. */
export function button(name, label, act, { words = false, pressed } = {}) {
  return element(
    "button",
    {
      type: "button", className: words ? "worded" : "icon", title: words ? "" : label,
      "aria-label": words ? undefined : label, onclick: act,
      "aria-pressed": pressed === undefined ? undefined : String(pressed),
    },
    icon(name),
    words && label,
  );
}

export const byId = (id) => document.getElementById(id);
