// Files: sent with XMLHttpRequest, since fetch does not tell how far an upload is.

import { api, signIn, told } from "./api.js";
import { at, bytes, el, notice, refuse, when } from "./dom.js";
import { connect } from "./live.js";

connect("/live/board", {
  async opened() {
    try {
      at("files").replaceChildren(...(await api("GET", "/api/files")).map(row));
      count();
    } catch (error) {
      refuse(error.message);
    }
  },
  told(event) {
    if (event.type === "file") put(event.file);
    if (event.type === "file-gone") remove(event.id);
    if (event.type === "notice") notice(`${event.name}: ${event.text}`);
  },
});

function row(file) {
  return el("tr", { id: `file-${file.id}` },
    el("th", { scope: "row" }, el("a", { href: `/files/${file.id}`, download: file.name }, file.name)),
    el("td", { class: "number" }, bytes(file.size)),
    el("td", {}, file.author),
    el("td", { class: "wide" }, when(file.created)),
    el("td", {}, el("button", {
      type: "button", class: "quiet", "aria-label": `Remove ${file.name}`, title: "Remove",
      onclick: () => api("DELETE", `/api/files/${file.id}`).catch(error => refuse(error.message)),
    }, "✕")));
}

function put(file) {
  if (!at(`file-${file.id}`)) at("files").prepend(row(file));
  count();
}

function remove(id) {
  const focused = at(`file-${id}`)?.contains(document.activeElement);
  at(`file-${id}`)?.remove();
  if (focused) at("file").focus();
  count();
}

function count() {
  at("none").hidden = at("files").children.length > 0;
}

/** Sends one file, and shows how far it is. */
function send(file) {
  if (file.size > Number(at("file").dataset.max)) {
    refuse(`${file.name} is too large: ${bytes(file.size)}.`);
    return;
  }
  const request = new XMLHttpRequest();
  const bar = el("progress", { max: 1, value: 0, "aria-label": `Upload of ${file.name}` });
  const state = el("span", { class: "hint" }, "waiting");
  const line = el("li", { class: "card" }, el("span", { class: "file" }, file.name), bar, state,
    el("button", { type: "button", class: "quiet", onclick: () => request.abort() }, "Stop"));
  at("sending").append(line);
  request.upload.onprogress = event => {
    bar.value = event.loaded / event.total;
    state.textContent = `${Math.floor(bar.value * 100)} %`;
  };
  request.onload = () => {
    line.remove();
    if (request.status === 401) signIn();
    else if (request.status !== 201) refuse(`${file.name}: ${told(request.responseText, request.status)}`);
    else {
      put(JSON.parse(request.responseText));
      notice(`${file.name} is uploaded.`);
    }
  };
  request.onabort = () => line.remove();
  request.onerror = () => {
    line.remove();
    refuse(`${file.name}: the connection was lost. Try again in a moment.`);
  };
  const form = new FormData();
  form.append("file", file);
  request.open("POST", "/api/files");
  request.setRequestHeader("accept", "application/json");
  request.send(form);
}

const form = at("upload");
at("file").addEventListener("change", event => {
  refuse();
  [...event.target.files].forEach(send);
  form.reset();
});
form.addEventListener("submit", event => event.preventDefault());
for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
  form.addEventListener(type, event => {
    event.preventDefault();
    form.classList.toggle("over", type === "dragenter" || type === "dragover");
    if (type === "drop") {
      refuse();
      [...event.dataTransfer.files].forEach(send);
    }
  });
}
