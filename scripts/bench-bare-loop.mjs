// What Node costs by itself: a server that writes one framed chunk to each open response, and knows nothing else.
// Told by messages of its parent how often; the same frames as Teamboard's.

import http from 'node:http';

/** @type {Set<import('node:net').Socket>} */
const sockets = new Set();
const READY = 'retry:2000\nevent:ready\ndata:{"streamId":"0193f0a0-0000-7000-8000-000000000000"}\n\n';

const server = http.createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store, no-transform' });
  response.write(READY);
  const { socket } = response;
  if (!socket) return;
  sockets.add(socket);
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.once('close', () => sockets.delete(socket));
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: /** @type {any} */ (server.address()).port }));

process.on('message', (/** @type {any} */ { frame }) => {
  const chunk = Buffer.from(`${Buffer.byteLength(frame).toString(16)}\r\n${frame}\r\n`);
  for (const socket of sockets) socket.write(chunk);
});
