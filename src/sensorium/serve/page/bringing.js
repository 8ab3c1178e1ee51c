/** Files that come to the page: dropped, pasted, chosen, recorded. */

import { byId, icon } from "./dom.js";
import { record } from "./sound.js";
import { say } from "./words.js";

/**
 * Listen for files.
 * @param {(files: File[]) => void} ask - to search with.
 * @param {(files: File[]) => void} add - to keep in the collection.
 * @param {() => boolean} mayAdd
 * @param {(files: File[]) => void} talk - to say something about.
 * @param {() => boolean} talks - whether a conversation is open.
 * @param {(message: string) => void} tell - what went wrong.
 */
export function listen({ ask, add, mayAdd, talk, talks, tell }) {
  listenToDrops({ ask, add, mayAdd, talk, talks });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    if (event.target.closest?.("#chat")) talk(files);
    else ask(files);
  });
  choosing("choose", "file", ask);
  choosing("give", "give-file", talk);
  choosing("adding", "add-files", add);
  listenToRecordings(ask, tell);
}

function choosing(opener, input, use) {
  byId(opener).onclick = () => byId(input).click();
  byId(input).onchange = () => {
    const files = [...byId(input).files];
    byId(input).value = ""; // so that the same file can be chosen again
    if (files.length) use(files);
  };
}

function listenToDrops({ ask, add, mayAdd, talk, talks }) {
  const drop = byId("drop");
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    byId("drop-add").hidden = !mayAdd();
    byId("drop-talk").hidden = !talks();
    drop.hidden = false;
    for (const zone of drop.children) zone.classList.toggle("over", zone === event.target);
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.hidden = true;
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    drop.hidden = true;
    const files = [...event.dataTransfer.files];
    if (!files.length) return;
    if (event.target === byId("drop-add")) add(files);
    else if (event.target === byId("drop-talk")) talk(files);
    else ask(files);
  });
}

function listenToRecordings(ask, tell) {
  const opener = byId("record");
  let running = null;
  const look = () => {
    opener.classList.toggle("recording", Boolean(running));
    opener.replaceChildren(icon(running ? "stop" : "microphone"));
    opener.title = say(running ? "stop" : "record");
    opener.setAttribute("aria-label", opener.title);
  };
  opener.onclick = async () => {
    if (running) {
      running.stop();
      return;
    }
    try {
      running = await record();
      look();
      ask([await running.file]);
    } catch (error) {
      tell(say("noMicrophone", error.message));
    } finally {
      running = null;
      look();
    }
  };
}
