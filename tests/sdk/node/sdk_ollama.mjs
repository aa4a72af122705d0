// The official Ollama SDK for Node: chat, generate, embed.

import { readFileSync } from 'node:fs';
import { Ollama } from 'ollama';
import { BAD, MODEL, Program, holds, same, words } from './checks.mjs';

const version = JSON.parse(readFileSync(new URL('./node_modules/ollama/package.json', import.meta.url), 'utf8')).version;
const p = new Program(`node ollama ${version}`);
const ask = (base, text, more = {}) => new Ollama({ host: base }).chat({ model: MODEL, messages: [{ role: 'user', content: text }], ...more });

async function join(chunks) {
  let text = '';
  let why = null;
  const all = [];
  for await (const chunk of chunks) {
    all.push(chunk);
    text += chunk.message.content;
    why = chunk.done_reason ?? why;
  }
  p.quiet(all);
  return { text, why };
}

const filtered = (error) => same([error.name, error.status_code], ['ResponseError', 400]);

p.case('plain and streamed', async (base) => {
  same((await ask(base, 'run plain')).message.content, words.PLAIN);
  same(await join(await ask(base, 'run plain', { stream: true })), { text: words.PLAIN, why: 'stop' });
});
p.case('tools', async (base) => {
  p.arguments((await ask(base, 'run tools')).message.tool_calls[0].function.arguments);
});
p.case('masked', async (base) => {
  same((await ask(base, 'run masked')).message.content, p.masked(words.MASKED));
  same(await join(await ask(base, 'run masked', { stream: true })), { text: p.masked(words.MASKED), why: 'stop' });
  p.echo((await ask(base, `run echo my address is ${words.MAIL}`)).message.content);
});
p.case('blocked before', async (base) => {
  await p.raises(filtered, () => ask(base, BAD));
  await p.raises(filtered, () => ask(base, BAD, { stream: true }));
}, { gateway: true });
p.case('blocked before, as a refusal', async (base) => {
  const answer = await ask(base, BAD);
  same(answer.done_reason, 'content_filter');
  holds(answer.message.content, 'a refusal without words');
}, { refusal: true });
p.case('blocked in mid-stream', async (base) => {
  const { text, why } = await join(await ask(base, 'run cut', { stream: true }));
  p.cut(text);
  same(why, 'content_filter');
}, { gateway: true });
p.case('upstream errors', async (base) => {
  await p.raises((e) => same(e.status_code, 429), () => ask(base, 'run e429'));
  await p.raises(Error, async () => join(await ask(base, 'run late', { stream: true })));
});
p.case('upstream dies', (base) => p.raises(Error, async () => join(await ask(base, 'run dies', { stream: true }))), { gateway: true });
p.case('generate and embed', async (base) => {
  const c = new Ollama({ host: base });
  same((await c.generate({ model: MODEL, prompt: 'run masked' })).response, p.masked(words.MASKED));
  same((await c.embed({ model: MODEL, input: 'run plain' })).embeddings, [[0.25, -0.5, 1]]);
});

await p.main();
