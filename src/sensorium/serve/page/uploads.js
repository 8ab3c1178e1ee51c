/** Adds files to a collection: sends them, and tells how far that is. */

import { address, collectionPath, reasonOf } from "./api.js";
import { button, byId, element } from "./dom.js";
import { say } from "./words.js";

/** Reasons of files that were left out that are told; more fill the window. */
const TOLD = 3;

/** Send files; resolves when they can be found. */
export async function upload(collection, files) {
  const named = files.length === 1 ? files[0].name : `${files[0].name} … (${files.length})`;
  const row = show(say("uploading", named));
  try {
    const sent = await send(collection, files, (share) => (row.bar.value = share));
    row.told.textContent = say("indexing", named);
    row.bar.removeAttribute("value");
    const report = sent.job ? await finished(sent.job, row.bar) : {};
    row.end(summary(sent.files, report));
  } catch (error) {
    row.end(say("failed", error.message));
  }
}

/** What became of files that were sent: not all were taken, and not all could be read. */
function summary(files, report) {
  const known = files.filter((file) => file.item !== null).length + (report.unchanged ?? 0);
  const wrong = [
    ...files.filter((file) => file.reason).map((file) => [file.name, file.reason]),
    ...(report.skipped ?? []).map(({ path, reason }) => [path.split(/[\\/]/).at(-1), reason]),
  ];
  return [
    say("added", (report.added ?? 0) + (report.updated ?? 0) + (report.moved ?? 0)),
    known && say("known", known),
    wrong.length && say("skippedFiles", wrong.length),
    ...wrong.slice(0, TOLD).map(([name, reason]) => `${name}: ${reason}.`),
  ].filter(Boolean).join(" ");
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

/** The report of a job when it is done. */
function finished(job, bar) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(address(`jobs/${job.id}/events`));
    events.addEventListener("progress", (event) => {
      const { done, total } = JSON.parse(event.data);
      if (total) bar.value = done / total;
    });
    events.addEventListener("end", (event) => {
      events.close();
      const { state, report, error } = JSON.parse(event.data);
      if (state === "done") resolve(report ?? {});
      else reject(new Error(error || state));
    });
    events.onerror = () => {
      // It connects again by itself unless the server refused.
      if (events.readyState === EventSource.CLOSED) reject(new Error(say("offline")));
    };
  });
}
