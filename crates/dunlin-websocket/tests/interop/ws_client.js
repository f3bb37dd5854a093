// Talks to an echo server by ws: node ws_client.js URL. Exits with 0 where all came back.
const WebSocket = require("ws");
const assert = require("node:assert");

const socket = new WebSocket(process.argv[2], ["v2", "v1"], { perMessageDeflate: { threshold: 0 } });
const sizes = [0, 1, 125, 126, 65535, 65536, 1 << 20];
const messages = sizes.flatMap((size) => [
  [Buffer.from(Array.from({ length: size }, (_, at) => at % 251)), true],
  [Buffer.from("\u20acuro ".repeat(size / 7)), false],
]);
let next = 0;
let pongs = 0;
const send = () => {
  const [data, binary] = messages[next];
  if (data.length > 100) {
    socket.send(data.subarray(0, 50), { binary, fin: false });
    socket.ping("between");
    socket.send(data.subarray(50, 99), { binary, fin: false });
    socket.send(data.subarray(99), { binary, fin: true });
  } else {
    socket.send(data, { binary });
  }
};
socket.on("open", () => {
  assert.equal(socket.protocol, "v1");
  assert.match(socket.extensions, /permessage-deflate/);
  send();
});
socket.on("pong", (data) => {
  assert.equal(data.toString(), "between");
  pongs += 1;
});
socket.on("message", (data, isBinary) => {
  const [expected, binary] = messages[next];
  assert.equal(isBinary, binary);
  assert.ok(data.equals(expected), `message ${next}`);
  next += 1;
  if (next < messages.length) send();
  else socket.close(4001, "done");
});
socket.on("close", (code) => {
  assert.equal(next, messages.length);
  assert.ok(pongs > 0);
  assert.equal(code, 4001);
});
