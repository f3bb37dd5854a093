// The log: an EventSource, which connects again by itself and says how far it came.

import { checkSession } from "./api.js";
import { at, el } from "./dom.js";
import { show } from "./live.js";

const KEPT = 500;
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
let source;

function open() {
  show("connecting", "connecting");
  source = new EventSource("/log/events");
  source.onopen = () => show("live", "live");
  source.onmessage = event => add(JSON.parse(event.data));
  source.onerror = () => {
    show("lost", "reconnecting");
    // An answer that is no stream, as from a proxy whose server is away, ends it for good.
    if (source.readyState === EventSource.CLOSED) {
      checkSession();
      setTimeout(open, 3000);
    }
  };
}

function add(entry) {
  const date = new Date(entry.at * 1000);
  const time = el("time", { datetime: date.toISOString() }, clock.format(date));
  const line = entry.kind === "request"
    ? el("li", { class: "request" }, time,
        el("span", { class: "method" }, entry.method), el("span", { class: "path" }, entry.path),
        el("span", { class: `status s${Math.floor(entry.status / 100)}` }, String(entry.status)),
        el("span", { class: "ms" }, `${entry.ms < 10 ? entry.ms.toFixed(2) : Math.round(entry.ms)} ms`))
    : el("li", { class: "action" }, time, el("span", { class: "words" }, el("b", {}, entry.name), " ", entry.text));
  at("entries").append(line);
  if (at("entries").children.length > KEPT) at("entries").firstElementChild.remove();
  if (at("follow").checked) at("scroll").scrollTop = at("scroll").scrollHeight;
}

at("requests").addEventListener("change", event => {
  at("entries").classList.toggle("actions-only", !event.target.checked);
});
open();
// A page that is left is no page that has lost its server; one that is come back to connects anew.
addEventListener("pagehide", () => source.close());
addEventListener("pageshow", event => event.persisted && open());
