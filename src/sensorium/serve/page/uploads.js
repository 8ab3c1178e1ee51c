/** Adds files to a collection: sends them, and tells how far that is. */

import { address, collectionPath, reasonOf } from "./api.js";
import { button, byId, element } from "./dom.js";
import { say } from "./words.js";

/** States in which a job is over. */
const OVER = new Set(["done", "failed", "cancelled"]);

/** Send files; resolves when they can be found. */
export async function upload(collection, files) {
  const named = files.length === 1 ? files[0].name : `${files[0].name} … (${files.length})`;
  const row = show(say("uploading", named));
  try {
    const job = await send(collection, files, (share) => (row.bar.value = share));
    row.told.textContent = say("indexing", named);
    row.bar.removeAttribute("value");
    const report = await finished(job, row.bar);
    const told = [say("added", (report.added ?? 0) + (report.updated ?? 0))];
    if (report.skipped?.length) told.push(say("skippedFiles", report.skipped.length), report.skipped[0].reason);
    row.end(told.filter(Boolean).join(" "));
  } catch (error) {
    row.end(say("failed", error.message));
  }
}

function show(words) {
  const told = element("p", { role: "status" }, words);
  const bar = element("progress", { max: 1, value: 0, "aria-label": words });
  const row = element("div", { className: "job" }, told, bar);
  const list = byId("jobs");
  list.append(row);
  list.hidden = false;
  const remove = () => {
    row.remove();
    list.hidden = !list.children.length;
  };
  const end = (said) => {
    told.textContent = said;
    bar.replaceWith(button("close", say("close"), remove));
  };
  return { told, bar, end };
}

/** `fetch` does not tell how much was sent. */
function send(collection, files, tell) {
  const form = new FormData();
  for (const file of files) form.append("files", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address(`${collectionPath(collection)}/items`));
    request.upload.onprogress = (event) => event.lengthComputable && tell(event.loaded / event.total);
    request.onerror = () => reject(new Error(say("offline")));
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(new Error(reasonOf(request.responseText) || request.statusText));
    };
    request.send(form);
  });
}

function finished(job, bar) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(address(`jobs/${job.id}/events`));
    const hear = (event) => {
      const now = JSON.parse(event.data);
      if (now.total) bar.value = now.done / now.total;
      if (!OVER.has(now.state)) return;
      events.close();
      if (now.state === "done") resolve(now.result ?? {});
      else reject(new Error(now.error ?? now.state));
    };
    events.onmessage = hear;
    for (const name of ["progress", "done", "failed", "cancelled"]) events.addEventListener(name, hear);
    events.onerror = () => {
      if (events.readyState !== EventSource.CLOSED) return;
      reject(new Error(say("offline")));
    };
  });
}
