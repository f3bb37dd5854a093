// A WebSocket that comes back: the wait doubles up to 10 s and is jittered, so that the pages of a server
// that starts anew do not all come at once.

import { checkSession } from "./api.js";
import { at } from "./dom.js";

const LONGEST = 10_000;

/**
 * Connects, and connects again whenever the connection is lost.
 * `opened` is called each time before any message: what was missed meanwhile is to be read anew.
 */
export function connect(path, { opened = () => {}, told }) {
  let socket, timer;
  let wait = 500;

  function open() {
    clearTimeout(timer);
    show("connecting", "connecting");
    socket = new WebSocket(new URL(path, location.href.replace(/^http/, "ws")));
    socket.onopen = () => {
      wait = 500;
      show("live", "live");
      opened();
    };
    socket.onmessage = event => told(JSON.parse(event.data));
    socket.onclose = () => {
      if (wait > 500) checkSession();
      show("lost", "reconnecting");
      timer = setTimeout(open, wait * (0.5 + Math.random()));
      wait = Math.min(wait * 2, LONGEST);
    };
  }

  // A network that is back, or a page that is looked at again, need not wait.
  const hurry = () => {
    if (socket.readyState === WebSocket.CLOSED) open();
  };
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", () => document.hidden || hurry());
  open();
  return {
    say(value) {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(value));
    },
  };
}

/** The state of the page's connection, in its header. */
export function show(state, text) {
  const link = at("link");
  link.hidden = false;
  link.dataset.state = state;
  if (link.textContent !== text) link.textContent = text;
}
