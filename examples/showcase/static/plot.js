// Line plots as SVG, drawn anew with each sample: no more than some hundred points.

const SVG = "http://www.w3.org/2000/svg";
const [HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [200, 46, 8, 10, 22];

function shape(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** The next of 2, 4, 6, 8, 10, 20, … that is no less; of 2, 4, 8, 16, … where numbers are told in 1024s. */
function nice(value, base) {
  if (base === 1024) return 2 ** Math.ceil(Math.log2(value));
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].find(step => step * power >= value) * power;
}

function short(value) {
  const [scaled, unit] = value >= 1e6 ? [value / 1e6, " M"] : value >= 1e3 ? [value / 1e3, " k"] : [value, ""];
  return `${Number(scaled.toPrecision(3))}${unit}`;
}

/** Seconds that are shown, and between their labels: as few as hold what there is. */
const SPANS = [[60, 15], [120, 30], [300, 60]];

/**
 * A plot in a figure. `series` are `{ name, of }`: a name for the legend and a function of a sample, which may
 * give null where there is nothing to show. Gaps stay gaps. The scale ends no lower than at `lowest`.
 */
export function plot(figure, series, { lowest = 2, base = 10, text = short } = {}) {
  const canvas = figure.querySelector(".canvas");
  figure.querySelector(".legend").replaceChildren(...series.map(({ name }, n) => {
    const key = document.createElement("span");
    key.className = `key k${n}`;
    key.textContent = name;
    return key;
  }));
  const svg = shape("svg", { role: "img", height: HEIGHT });
  canvas.append(svg);

  return samples => {
    // As wide as there is room, so that words are of their own size on phones too.
    const width = canvas.clientWidth;
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const now = samples.at(-1)?.at ?? 0;
    const [seconds, step] = SPANS.find(([span]) => now - samples[0]?.at < span) ?? SPANS.at(-1);
    const values = series.map(({ of }) => samples.map(of));
    const highest = Math.max(0, ...values.flat().filter(value => value != null));
    const top = nice(Math.max(highest, lowest), base);
    const x = at => LEFT + (width - LEFT - RIGHT) * (1 - (now - at) / seconds);
    const y = value => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
    const parts = [];
    for (let n = 0; n <= 4; n += 1) {
      const value = top * n / 4;
      parts.push(shape("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
      if (n % 2 === 0) parts.push(shape("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, text(value)));
    }
    for (let age = 0; age <= seconds; age += step) {
      const label = age === 0 ? "now" : step < 60 ? `−${age} s` : `−${age / 60} min`;
      const anchor = age === 0 ? "end" : age === seconds ? "start" : "middle";
      parts.push(shape("text", { x: x(now - age), y: HEIGHT - 6, "text-anchor": anchor }, label));
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
