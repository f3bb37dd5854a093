// The server's numbers: the last minutes when the page connects, and then a sample each second.

import { at, bytes } from "./dom.js";
import { connect } from "./live.js";
import { plot } from "./plot.js";

const KEPT = 300;
let samples = [];

const plots = [
  plot(at("plot-rate"), [
    { name: "answered", of: sample => sample.requests },
    { name: "of these 5xx", of: sample => sample.errors },
  ]),
  plot(at("plot-latency"), [
    { name: "median", of: sample => sample.p50 },
    { name: "90 %", of: sample => sample.p90 },
    { name: "99 %", of: sample => sample.p99 },
  ], { lowest: .2 }),
  plot(at("plot-open"), [
    { name: "connections", of: sample => sample.connections },
    { name: "live pages", of: sample => sample.pages },
  ]),
  plot(at("plot-bytes"), [{ name: "sent", of: sample => sample.bytes }], { lowest: 1024, base: 1024, text: bytes }),
];

connect("/live/numbers", {
  told(value) {
    if (Array.isArray(value)) samples = value;
    else if (value.at > (samples.at(-1)?.at ?? 0)) samples.push(value);
    samples = samples.slice(-KEPT);
    draw();
  },
});

addEventListener("resize", draw);

function draw() {
  const now = samples.at(-1);
  if (!now) return;
  const timed = samples.findLast(sample => sample.p50 != null);
  const ms = value => value == null ? "–" : `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
  const [hours, minutes] = [Math.floor(now.uptime / 3600), Math.floor(now.uptime / 60) % 60];
  const shown = {
    requests: now.requests, p50: ms(timed?.p50), p99: ms(timed?.p99), connections: now.connections,
    pages: now.pages, total: now.total.toLocaleString(),
    uptime: hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min` : `${now.uptime} s`,
  };
  for (const [id, value] of Object.entries(shown)) at(`now-${id}`).textContent = value;
  for (const redraw of plots) redraw(samples);
}

at("load").addEventListener("click", async () => {
  at("load").disabled = true;
  const began = performance.now();
  const asks = Array.from({ length: 200 }, () => fetch("/", { cache: "no-store" }).then(r => r.text()).catch(() => {}));
  await Promise.all(asks);
  at("loaded").textContent = `200 pages in ${Math.round(performance.now() - began)} ms, browser included.`;
  at("load").disabled = false;
});
