/** The page's words in the language of who looks at it. */

import english from "./words/en.js";

const KEPT = "sensorium.language";

/** Languages by their codes: how they call themselves, and how their words are brought. */
const LANGUAGES = {
  en: ["English", async () => english],
  zh: ["中文", async () => (await import("./words/zh.js")).default],
};

let words = english;
export let language = "en";

/** Bring the words: of the language that was chosen before, else of the browser's. */
export async function bringWords() {
  const wanted = kept() || navigator.languages.map((one) => one.slice(0, 2)).find((one) => one in LANGUAGES);
  await speak(wanted || "en");
}

/** Speak another language from now on. */
export async function speak(code) {
  language = code in LANGUAGES ? code : "en";
  words = await LANGUAGES[language][1]();
  document.documentElement.lang = language === "zh" ? "zh-CN" : language;
  for (const one of document.querySelectorAll("[data-words]")) one.textContent = say(one.dataset.words);
  for (const one of document.querySelectorAll("[data-label]")) {
    one.setAttribute("aria-label", say(one.dataset.label));
    if (one.tagName === "BUTTON") one.title = say(one.dataset.label);
  }
  for (const one of document.querySelectorAll("[data-placeholder]")) {
    one.placeholder = say(one.dataset.placeholder);
  }
}

/** Keep the choice for the next visit. */
export function choose(code) {
  try {
    localStorage.setItem(KEPT, code);
  } catch {
    // Storage is switched off: the choice holds until the page is left.
  }
  return speak(code);
}

/** Other languages: code and own name. */
export const others = () =>
  Object.entries(LANGUAGES).filter(([code]) => code !== language).map(([code, [name]]) => [code, name]);

/** Words by their key; those with a number or a name in them are functions. */
export function say(key, ...values) {
  const found = words[key] ?? english[key];
  return typeof found === "function" ? found(...values) : found;
}

/** A number as the language writes it. */
export const number = (value, options) => new Intl.NumberFormat(document.documentElement.lang, options).format(value);

/** A probability from 0 to 1; what is nearly impossible or certain is said as such. */
export function percent(value) {
  if (value < 0.01) return `<${number(0.01, { style: "percent" })}`;
  return number(Math.min(value, 0.99), { style: "percent" });
}

/** Seconds as minutes and seconds. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((one) => String(one).padStart(2, "0"));
  return (whole >= 3600 ? [Math.floor(whole / 3600), ...parts] : [Number(parts[0]), parts[1]]).join(":");
}

/** How long something takes: what is short to a tenth of a second. */
export function length(seconds) {
  if (seconds >= 10) return clock(seconds);
  return number(seconds, { style: "unit", unit: "second", maximumFractionDigits: 1 });
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}
