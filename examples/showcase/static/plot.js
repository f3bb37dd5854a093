// Line plots as SVG, drawn anew with each sample: no more than some hundred points.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [600, 200, 46, 8, 10, 22];

function shape(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** The next of 1, 2, 5, 10, … that is no less. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find(step => step * power >= value) * power;
}

const short = value => value >= 1e6 ? `${value / 1e6} M` : value >= 1e3 ? `${value / 1e3} k` : String(value);

/**
 * A plot in a figure. `series` are `{ name, of }`: a name for the legend and a function of a sample, which may
 * give null where there is nothing to show. Gaps stay gaps.
 */
export function plot(figure, series, seconds, text = short) {
  const canvas = figure.querySelector(".canvas");
  figure.querySelector(".legend").replaceChildren(...series.map(({ name }, n) => {
    const key = document.createElement("span");
    key.className = `key k${n}`;
    key.textContent = name;
    return key;
  }));
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", preserveAspectRatio: "none" });
  canvas.append(svg);

  return samples => {
    const now = samples.at(-1)?.at ?? 0;
    const values = series.map(({ of }) => samples.map(of));
    const highest = Math.max(0, ...values.flat().filter(value => value != null));
    const top = nice(Math.max(highest, 1));
    const x = at => LEFT + (WIDTH - LEFT - RIGHT) * (1 - (now - at) / seconds);
    const y = value => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
    const parts = [];
    for (let n = 0; n <= 4; n += 1) {
      const value = top * n / 4;
      parts.push(shape("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
      if (n % 2 === 0) parts.push(shape("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, text(value)));
    }
    for (let minutes = 0; minutes <= seconds / 60; minutes += 1) {
      const label = minutes ? `−${minutes} min` : "now";
      const anchor = minutes ? (minutes === seconds / 60 ? "start" : "middle") : "end";
      parts.push(shape("text", { x: x(now - minutes * 60), y: HEIGHT - 6, "text-anchor": anchor }, label));
    }
    values.forEach((line, n) => {
      let path = "", pen = "M";
      line.forEach((value, i) => {
        const age = now - samples[i].at;
        // A second that is missing is a gap, as is one with nothing to show.
        if (i && samples[i].at - samples[i - 1].at > 2) pen = "M";
        if (value == null || age > seconds) { pen = "M"; return; }
        path += `${pen}${x(samples[i].at).toFixed(1)},${y(value).toFixed(1)}`;
        if (pen === "M") path += "h.01"; // a point alone shows as a dot
        pen = "L";
      });
      parts.push(shape("path", { class: `line k${n}`, d: path }));
    });
    svg.replaceChildren(...parts);
    const newest = series.map(({ name }, n) => {
      const value = values[n].at(-1);
      return `${name} ${value == null ? "none" : Math.round(value * 100) / 100}`;
    });
    svg.setAttribute("aria-label", `${figure.querySelector("h2").textContent}, now: ${newest.join(", ")}`);
  };
}
