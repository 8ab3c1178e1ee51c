/** Asks for the token that a server needs; the server keeps it in a cookie. */

import { ask } from "./api.js";
import { byId } from "./dom.js";
import { say } from "./words.js";

/**
 * Ask until there is one.
 * @returns {Promise<boolean>} whether the server knows now who asks: not where nobody entered one,
 *   and not while it is being asked for already.
 */
export function enter() {
  const dialog = byId("login");
  if (dialog.open) return Promise.resolve(false);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "known");
    dialog.returnValue = "";
    byId("login-form").onsubmit = async (event) => {
      event.preventDefault();
      const told = byId("login-error");
      told.hidden = true;
      try {
        await ask("session", { body: { token: byId("token").value.trim() }, quiet: true });
      } catch (error) {
        told.textContent = error.status === 401 ? say("wrongToken")
          : error.status === 404 ? say("noLogin") : error.message;
        told.hidden = false;
        return;
      }
      byId("token").value = "";
      dialog.close("known");
    };
  });
}
