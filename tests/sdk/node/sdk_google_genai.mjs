// The official Google Gen AI SDK for Node: generateContent whole and streamed, countTokens, embedContent.

import { readFileSync } from 'node:fs';
import { ApiError, GoogleGenAI } from '@google/genai';
import { BAD, MODEL, Program, holds, same, words } from './checks.mjs';

const version = JSON.parse(readFileSync(new URL('./node_modules/@google/genai/package.json', import.meta.url), 'utf8')).version;
const p = new Program(`node @google/genai ${version}`);
const client = (base) => new GoogleGenAI({ apiKey: 'test-of-the-client', httpOptions: { baseUrl: base, timeout: 30_000, retryOptions: { attempts: 1 } } });
const ask = (base, text, config = {}) => client(base).models.generateContent({ model: MODEL, contents: text, config });
const stream = (base, text, config = {}) => client(base).models.generateContentStream({ model: MODEL, contents: text, config });
const tools = [{ functionDeclarations: [{ name: words.TOOL, description: 'Sends a mail.', parametersJsonSchema: { type: 'object', properties: { to: { type: 'string' } } } }] }];

async function join(chunks) {
  const texts = {};
  const ends = {};
  const all = [];
  for await (const chunk of chunks) {
    all.push(chunk);
    for (const c of chunk.candidates ?? []) {
      const index = c.index ?? 0;
      for (const part of c.content?.parts ?? []) texts[index] = (texts[index] ?? '') + (part.text ?? '');
      if (c.finishReason) ends[index] = c.finishReason;
    }
  }
  p.quiet(all);
  return { texts, ends, all };
}

const status = (wanted) => (error) => {
  holds(error instanceof ApiError, `${error?.constructor?.name}: ${error}`);
  same(error.status, wanted, 'status');
};

p.case('plain and streamed', async (base) => {
  same((await ask(base, 'run plain')).text, words.PLAIN);
  const { texts, ends } = await join(await stream(base, 'run plain'));
  same([texts, ends], [{ 0: words.PLAIN }, { 0: 'STOP' }]);
});
p.case('tools', async (base) => {
  p.arguments((await ask(base, 'run tools', { tools })).functionCalls[0].args);
  const { all } = await join(await stream(base, 'run tools', { tools }));
  p.arguments(all.flatMap((c) => c.functionCalls ?? [])[0].args);
});
p.case('two candidates', async (base) => {
  const answer = await ask(base, 'run two', { candidateCount: 2 });
  same(answer.candidates.map((c) => c.content.parts[0].text), [words.PLAIN, p.masked(words.MASKED)]);
  same((await join(await stream(base, 'run two', { candidateCount: 2 }))).texts, { 0: words.PLAIN, 1: p.masked(words.MASKED) });
});
p.case('masked', async (base) => {
  same((await ask(base, 'run masked')).text, p.masked(words.MASKED));
  same((await join(await stream(base, 'run masked'))).texts, { 0: p.masked(words.MASKED) });
  p.echo((await ask(base, `run echo my address is ${words.MAIL}`)).text);
});
p.case('blocked before', async (base) => {
  await p.raises(status(400), () => ask(base, BAD));
  await p.raises(status(400), async () => join(await stream(base, BAD)));
}, { gateway: true });
p.case('blocked before, as a refusal', async (base) => {
  const answer = await ask(base, BAD);
  holds(answer.promptFeedback?.blockReason || answer.candidates?.[0]?.finishReason === 'SAFETY', 'neither a block reason nor SAFETY');
}, { refusal: true });
p.case('answer blocked', (base) => p.raises(status(400), () => ask(base, 'run cut')), { gateway: true });
p.case('blocked in mid-stream', async (base) => {
  const { texts, ends } = await join(await stream(base, 'run cut'));
  p.cut(texts[0]);
  same(ends, { 0: 'SAFETY' });
}, { gateway: true });
p.case('upstream errors', async (base) => {
  await p.raises(status(429), () => ask(base, 'run e429'));
  await p.raises(status(500), async () => join(await stream(base, 'run e500')));
  await p.raises(Error, async () => join(await stream(base, 'run late')));
});
p.case('upstream dies', async (base) => {
  await p.raises(Error, async () => join(await stream(base, 'run dies')));
  await p.raises(status(502), () => ask(base, 'run dies'));
}, { gateway: true });
p.case('countTokens and embedContent', async (base) => {
  same((await client(base).models.countTokens({ model: MODEL, contents: 'run plain' })).totalTokens, 9);
  same((await client(base).models.embedContent({ model: MODEL, contents: 'run plain' })).embeddings[0].values, [0.25, -0.5, 1]);
});

await p.main();
