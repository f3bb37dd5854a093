// A board that people have used, for the pictures.
(async () => {
  const as = name => fetch("/sign-in", { method: "POST", body: new URLSearchParams({ name }) });
  const json = (method, path, value) => fetch(path, {
    method, headers: { "content-type": "application/json" }, body: JSON.stringify(value),
  });
  const note = (lane, text) => json("POST", "/api/notes", { lane, text });
  const file = (name, size) => {
    const form = new FormData();
    form.append("file", new File([new Uint8Array(size)], name));
    return fetch("/api/files", { method: "POST", body: form });
  };
  await as("Grace");
  await note("done", "Coffee machine is descaled");
  await note("done", "Booked the room for Thursday, 14:00.\nBring the projector cable!");
  await file("floor plan.pdf", 2_400_000);
  await as("Linus");
  await note("doing", "Move the nightly backup to the new disk");
  await note("ideas", "What about a walk instead of the Monday stand-up?");
  await file("minutes 2026-11-19.md", 5_200);
  await as("Ada");
  await note("doing", "Reading https://www.rfc-editor.org/rfc/rfc9112 for the talk on framing");
  await note("ideas", "Lunch talk: how an HTTP message ends, and what two parties can disagree on");
  await note("ideas", "Swap the two desks by the window ☀️");
  await file("photos of the whiteboard.zip", 18_700_000);
  return "done";
})()
