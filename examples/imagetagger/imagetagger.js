const at = id => document.getElementById(id);

async function send(file) {
  at("answer").hidden = false;
  URL.revokeObjectURL(at("preview").src);
  at("preview").src = URL.createObjectURL(file);
  at("tags").replaceChildren();
  say("Looking …");
  const form = new FormData();
  form.append("file", file);
  try {
    const headers = { accept: "application/json" };
    const response = await fetch("/tags", { method: "POST", body: form, headers });
    const told = await response.json();
    if (!response.ok) return say(told.detail ?? told.title, true);
    say(`${told.format}, ${told.width} × ${told.height}`);
    at("tags").replaceChildren(...told.tags.map(show));
  } catch (error) {
    say(`The server does not answer: ${error.message}`, true);
  }
}

function say(text, isWrong = false) {
  at("about").textContent = text;
  at("about").classList.toggle("wrong", isWrong);
}

function show({ label, share }) {
  const tag = document.createElement("li");
  tag.textContent = share < 1 ? `${label} ${Math.round(share * 100)} %` : label;
  return tag;
}

at("file").addEventListener("change", () => at("file").files[0] && send(at("file").files[0]));
addEventListener("dragover", event => event.preventDefault());
addEventListener("drop", event => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
});
