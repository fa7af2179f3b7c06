// What a stream costs, and what delivering an event to many of them costs.

import { openBenchStream, signUp, startBenchNode } from './bench-node.mjs';

const STREAMS = 2000;
const EVENTS = 100;

const node = await startBenchNode();
const { cookie, post } = await signUp(node.url);
const { board } = await post('/boards', { name: 'Bench' });
const rssBefore = await node.rssMiB();

let delivered = 0;
const streams = [];
for (let count = 0; count < STREAMS; count += 50) {
  const some = Array.from({ length: 50 }, () =>
    openBenchStream(node.url, board.id, cookie, (data) => {
      for (let at = data.indexOf('event:changed'); at >= 0; at = data.indexOf('event:changed', at + 1)) delivered += 1;
    }),
  );
  streams.push(...(await Promise.all(some)));
}
const rssIdle = await node.rssMiB();
console.log(`${STREAMS} idle streams: ${(((rssIdle - rssBefore) * 1024) / STREAMS).toFixed(1)} KiB of memory each`);

/** @param {number} atOnce writes under way */
async function deliver(atOnce) {
  delivered = 0;
  const cpuBefore = await node.cpuMs();
  const start = performance.now();
  let begun = 0;
  const write = async () => {
    while (begun < EVENTS) {
      begun += 1;
      await post(`/boards/${board.id}/items`, { text: 'A note of ordinary length, as people write them.' });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, write));
  while (delivered < EVENTS * STREAMS) await new Promise((resolve) => setTimeout(resolve, 5));
  const seconds = (performance.now() - start) / 1000;
  const cpuSeconds = ((await node.cpuMs()) - cpuBefore) / 1000;
  console.log(
    `${EVENTS} events to ${STREAMS} streams, ${atOnce} writer(s): ${Math.round(delivered / seconds)} deliveries/s, ` +
      `${Math.round(delivered / cpuSeconds)} per second of the node's processor time`,
  );
}
await deliver(1);
await deliver(16);
console.log(`memory at the end: ${(await node.rssMiB()).toFixed(0)} MiB`);

for (const stream of streams) stream.destroy();
await node.stop();
