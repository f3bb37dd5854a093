// Requests to the JSON API. What fails is an Error whose message can be shown.

export async function api(method, path, value) {
  const init = { method, headers: { accept: "application/json" } };
  if (value !== undefined) {
    init.headers["content-type"] = "application/json";
    init.body = JSON.stringify(value);
  }
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Error("The server cannot be reached. Nothing was lost: try again in a moment.");
  }
  if (response.status === 401) signIn();
  if (!response.ok) throw new Error(told(await response.text(), response.status));
  return response.status === 204 ? null : response.json();
}

/** What a problem document (RFC 9457) says, in a sentence. */
export function told(text, status) {
  try {
    const problem = JSON.parse(text);
    const words = problem.detail ?? problem.title;
    return `${words[0].toUpperCase()}${words.slice(1)}.`;
  } catch {
    return `The server answered ${status}.`;
  }
}

/** Leads to the sign-in where the session is over: a socket that is refused is not told why. */
export async function checkSession() {
  const answer = await fetch("/api/session").catch(() => null);
  if (answer?.status === 401) signIn();
}

export function signIn() {
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
}
