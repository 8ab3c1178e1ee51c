/** Asks the collection as a model is asked, and reads the reply as it comes. */

import { ApiError, collectionPath, reasonOf, watcher } from "../api.js";
import { say } from "../words.js";

const BEGINS = "data: ";

/**
 * What is said, as the server takes it: words, and media beside them.
 * @param {import("../parts.js").Part[]} given
 */
export function contentOf(words, given) {
  if (!given.length) return words;
  return [...(words ? [{ type: "text", text: words }] : []), ...given.map(mediaPart)];
}

function mediaPart({ kind, type, data }) {
  if (kind === "sound") return { type: "input_audio", input_audio: { data, format: type.split("/")[1] } };
  const url = `data:${type};base64,${data}`;
  return kind === "picture" ? { type: "image_url", image_url: { url } } : { type: "video_url", video_url: { url } };
}

/**
 * The reply to the last message: its text in pieces as it comes, then all that is told of it.
 * @yields {string | Object}
 * @throws {ApiError}
 */
export async function* replyTo(collection, messages, signal) {
  const answer = await send("v1/chat/completions", { model: collection, messages, stream: true }, signal);
  for await (const line of linesOf(answer.body)) {
    if (!line.startsWith(BEGINS) || line.endsWith("[DONE]")) continue;
    const { choices, error, sensorium } = JSON.parse(line.slice(BEGINS.length));
    if (error) throw new ApiError(400, error.message);
    if (sensorium) {
      yield sensorium;
      return;
    }
    yield choices[0].delta.content;
  }
  throw new ApiError(0, say("brokenOff"));
}

/** What was said, with pictures, as a file. */
export async function exported(collection, messages) {
  const answer = await send(`api/${collectionPath(collection)}/conversation`, { messages });
  return answer.blob();
}

async function send(path, body, signal) {
  let answer;
  try {
    answer = await fetch(new URL(path, document.baseURI), {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, say("offline"));
  }
  if (answer.ok) return answer;
  if (answer.status === 401) watcher.tokenNeeded();
  throw new ApiError(answer.status, reasonOf(await answer.text()) || answer.statusText);
}

async function* linesOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (held + value).split("\n");
    held = lines.pop();
    yield* lines;
  }
}
