// An echo server by ws: node ws_server.js. Prints its port.
const { WebSocketServer } = require("ws");

const server = new WebSocketServer({
  port: 0,
  host: "127.0.0.1",
  maxPayload: 8 << 20,
  perMessageDeflate: { threshold: 0 },
});
server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => {
    if (data.length === 126) {
      // In frames, the second one empty.
      socket.send(data.subarray(0, 50), { binary: isBinary, fin: false });
      socket.send("", { binary: isBinary, fin: false });
      socket.send(data.subarray(50), { binary: isBinary, fin: true });
    } else {
      socket.send(data, { binary: isBinary });
    }
  });
  socket.on("close", (code, reason) => console.log(`closed ${code} ${reason}`));
});
process.stdin.on("close", () => process.exit()).resume();
