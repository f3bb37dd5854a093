const list = document.querySelector("#notes");
const form = document.querySelector("#new");

function show(note) {
  if (document.getElementById(`note-${note.id}`)) return;
  const item = document.createElement("li");
  item.id = `note-${note.id}`;
  item.textContent = `${note.author}: ${note.text} `;
  const button = document.createElement("button");
  button.textContent = "Remove";
  button.onclick = () => fetch(`/api/notes/${note.id}`, { method: "DELETE" });
  item.append(button);
  list.append(item);
}

form.onsubmit = async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ text: form.text.value });
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch("/api/notes", { method: "POST", headers, body });
  if (answer.ok) form.reset();
};

// First listen and then ask for what is there: a note may come twice, and none is missed.
const live = new WebSocket("/live");
live.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type === "note") show(event.note);
  else document.getElementById(`note-${event.id}`)?.remove();
};
live.onopen = async () => (await (await fetch("/api/notes")).json()).forEach(show);
