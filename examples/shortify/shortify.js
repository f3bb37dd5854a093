const form = document.getElementById("form");
const answer = document.getElementById("answer");

function show(...nodes) {
  answer.hidden = false;
  answer.replaceChildren(...nodes);
}

form.addEventListener("submit", async event => {
  event.preventDefault();
  try {
    const response = await fetch("/shortify", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ url: document.getElementById("url").value }),
    });
    const told = await response.json();
    answer.classList.toggle("wrong", !response.ok);
    if (!response.ok) return show(told.detail ?? told.title);
    const link = document.createElement("a");
    link.href = link.textContent = told.url;
    const copy = document.createElement("button");
    copy.textContent = "Copy";
    copy.onclick = async () => {
      await navigator.clipboard.writeText(told.url);
      copy.textContent = "Copied";
    };
    show(link, " ", copy);
  } catch (error) {
    answer.classList.add("wrong");
    show(`The server does not answer: ${error.message}`);
  }
});
