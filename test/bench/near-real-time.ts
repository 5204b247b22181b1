/**
 * A rating system in a process of its own that sends a delivery every so often over kept-alive connections, whether the one
 * before has been answered or not (open loop). Forked with url, key, rows a delivery, deliveries a second and seconds;
 * answers each latency in ms, from when it was sent.
 */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEADER, usageLines } from './made-up-usage.ts';

const [url, key, rowsText, rateText, secondsText] = process.argv.slice(2) as [string, string, string, string, string];
const rows = Number(rowsText);
const rate = Number(rateText);
const deliveries = rate * Number(secondsText);
/** A server that runs for days has compiled what it does; so has who sends. */
const WARM_UP = 10 * rate;

const agent = new Agent({ keepAlive: true, maxSockets: 64 });
/** As near real time comes: it started within the last two days. */
const STARTS = Math.floor(Date.now() / 1_000) * 1_000 - 2 * 86_400_000;
const lines = [...usageLines(`live${rows}-${process.pid}`, rows * (deliveries + WARM_UP), 2, STARTS)];
const bodies = Array.from({ length: deliveries + WARM_UP }, (_, index) =>
  Buffer.from([HEADER, ...lines.slice(index * rows, (index + 1) * rows)].join('\n')),
);

function send(body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'text/csv', 'content-length': body.length };
    const sent = request(`${url}/v1/usage?feed=live`, { method: 'POST', agent, headers }, (answer) => {
      let text = '';
      answer.on('data', (data: Buffer) => (text += data.toString()));
      answer.on('end', () =>
        (JSON.parse(text) as { counted?: number }).counted === rows ? resolve() : reject(new Error(text)),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function timed(body: Buffer, warmingUp: boolean): Promise<void> {
  const sent = performance.now();
  await send(body);
  if (!warmingUp) latencies_ms.push(performance.now() - sent);
}

const latencies_ms: number[] = [];
const began = performance.now();
const answers: Promise<void>[] = [];
for (const [index, body] of bodies.entries()) {
  const due = began + (index * 1000) / rate;
  const wait = due - performance.now();
  if (wait > 0) await sleep(wait);
  answers.push(timed(body, index < WARM_UP));
}
await Promise.all(answers);
agent.destroy();
// What is long is sent in parts: to disconnect before the last one loses all of it.
process.send!({ latencies_ms }, () => process.disconnect());
