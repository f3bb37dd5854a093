// Small tools for pages. Text from others is only ever set as text, never as HTML.

export const at = id => document.getElementById(id);

/** An element: `el("a", { href: "/" }, "home")`. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child != null));
  return element;
}

/** Says something at the page's edge for a while, to screen readers too. */
export function notice(text) {
  const line = el("p", {}, text);
  at("notices").append(line);
  setTimeout(() => line.remove(), 8000);
}

export function refuse(text) {
  at("refused").hidden = !text;
  at("refused").textContent = text ?? "";
}

const units = ["B", "KiB", "MiB", "GiB"];

export function bytes(count) {
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${count < 10 && unit ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

const today = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const before = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** A `time` element of seconds since 1970. */
export function when(seconds) {
  const date = new Date(seconds * 1000);
  const isToday = date.toDateString() === new Date().toDateString();
  const text = (isToday ? today : before).format(date);
  return el("time", { datetime: date.toISOString(), title: date.toLocaleString() }, text);
}
