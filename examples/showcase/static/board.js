// The board: notes are read once for each connection, and changed by what is told over it.

import { api } from "./api.js";
import { at, el, notice, refuse, when } from "./dom.js";
import { connect } from "./live.js";

const LANES = ["ideas", "doing", "done"];
const TITLES = { ideas: "Ideas", doing: "Doing", done: "Done" };
const notes = new Map(); // id → note
// Ids that were shown and removed since the connection was made: a list on its way may not know of them yet.
const [fresh, gone] = [new Set(), new Set()];
const lists = new Map(LANES.map(lane => [lane, document.querySelector(`[data-lane="${lane}"]`)]));

const live = connect("/live/board", {
  async opened() {
    try {
      fresh.clear();
      gone.clear();
      const all = await api("GET", "/api/notes");
      const ids = new Set(all.map(note => note.id));
      for (const id of notes.keys()) if (!ids.has(id) && !fresh.has(id)) remove(id);
      all.forEach(put);
      at("lanes").setAttribute("aria-busy", "false");
      recount();
    } catch (error) {
      notice(error.message);
    }
  },
  told(event) {
    switch (event.type) {
      case "note": put(event.note); recount(); break;
      case "note-gone": gone.add(event.id); remove(event.id); recount(); break;
      case "people": people(event.names); break;
      case "writing": writing(event.name); break;
      case "notice": notice(`${event.name}: ${event.text}`); break;
    }
  },
});

/** Shows a note, unless something newer of it was seen. */
function put(note) {
  const known = notes.get(note.id);
  if (gone.has(note.id) || (known && known.version >= note.version)) return;
  notes.set(note.id, note);
  fresh.add(note.id);
  const before = at(`note-${note.id}`);
  if (before?.querySelector("textarea")) return; // it is being edited; saving shows what is newest
  // Who stands on one of its buttons stays on it, wherever the note goes.
  const focused = before?.contains(document.activeElement) && document.activeElement.dataset.does;
  const card = draw(note);
  const list = lists.get(note.lane);
  if (before?.parentNode === list) before.replaceWith(card);
  else {
    before?.remove();
    const next = [...list.children].find(other => Number(other.dataset.id) < note.id);
    list.insertBefore(card, next ?? null);
  }
  if (focused) (card.querySelector(`[data-does="${focused}"]:not(:disabled)`) ?? card.querySelector("button:not(:disabled)")).focus();
}

function remove(id) {
  const card = at(`note-${id}`);
  notes.delete(id);
  if (!card) return;
  const next = card.nextElementSibling ?? card.previousElementSibling;
  const heading = at(`lane-${card.parentNode.dataset.lane}`);
  const had = card.contains(document.activeElement);
  card.remove();
  if (had) (next?.querySelector("button:not(:disabled)") ?? heading).focus();
}

function draw(note) {
  const lane = LANES.indexOf(note.lane);
  const button = (does, label, text, to) => el("button", {
    type: "button", "data-does": does, "aria-label": label, title: label, class: "quiet",
    "aria-describedby": `text-${note.id}`,
    disabled: does !== "edit" && does !== "remove" && !to, onclick: () => act(does, note, to),
  }, text);
  return el("li", { id: `note-${note.id}`, class: "note card", "data-id": note.id },
    el("p", { class: "text", id: `text-${note.id}` }, note.text),
    el("footer", {},
      el("span", { class: "by" }, note.author, " · ", when(note.created)),
      el("span", { class: "buttons" },
        button("left", `Move to ${TITLES[LANES[lane - 1]] ?? "the left"}`, "←", LANES[lane - 1]),
        button("right", `Move to ${TITLES[LANES[lane + 1]] ?? "the right"}`, "→", LANES[lane + 1]),
        button("edit", "Edit", "✎"),
        button("remove", "Remove", "✕"))));
}

async function act(does, note, to) {
  try {
    if (does === "edit") edit(note);
    else if (does === "remove") await api("DELETE", `/api/notes/${note.id}`);
    else put(await api("PATCH", `/api/notes/${note.id}`, { lane: to }));
    recount();
  } catch (error) {
    notice(error.message);
  }
}

/** Puts a field in the place of a note's text, until it is saved or left. */
function edit({ id }) {
  const card = at(`note-${id}`);
  const field = el("textarea", { rows: 4, maxlength: 2000, "aria-label": "Text of the note" });
  field.value = notes.get(id).text;
  const leave = () => {
    const same = draw(notes.get(id));
    card.replaceWith(same);
    same.querySelector('[data-does="edit"]').focus();
  };
  const save = async event => {
    event?.preventDefault();
    try {
      const note = await api("PATCH", `/api/notes/${id}`, { text: field.value });
      if ((notes.get(id)?.version ?? 0) < note.version) notes.set(id, note);
      leave();
    } catch (error) {
      notice(error.message);
    }
  };
  field.addEventListener("keydown", event => {
    if (event.key === "Escape") leave();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
  });
  card.replaceChildren(el("form", { onsubmit: save }, field, el("div", { class: "row" },
    el("button", { type: "button", class: "quiet", onclick: leave }, "Leave it"),
    el("button", { class: "primary" }, "Save"))));
  field.focus();
}

function recount() {
  for (const lane of LANES) {
    const count = lists.get(lane).children.length;
    document.querySelector(`[data-count="${lane}"]`).textContent = count || "";
    document.querySelector(`[data-empty="${lane}"]`).hidden = count > 0;
  }
}

function people(names) {
  at("people").replaceChildren(...names.map(name => el("span", { class: "chip" }, name)));
}

let silence;
function writing(name) {
  at("writing").textContent = `${name} is writing…`;
  clearTimeout(silence);
  silence = setTimeout(() => { at("writing").textContent = ""; }, 3000);
}

let said = 0;
at("text").addEventListener("input", () => {
  if (Date.now() - said > 2000) {
    said = Date.now();
    live.say({ type: "writing" });
  }
});
at("text").addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("compose").requestSubmit();
});
at("compose").addEventListener("submit", async event => {
  event.preventDefault();
  const [text, lane] = [at("text").value, at("lane").value];
  try {
    put(await api("POST", "/api/notes", { text, lane }));
    recount();
    refuse();
    // What was typed meanwhile stays.
    if (at("text").value === text) at("text").value = "";
    at("text").focus();
  } catch (error) {
    refuse(error.message);
  }
});
