// The AI SDK with its OpenAI (chat and responses), Anthropic and OpenAI-compatible providers.

import { readFileSync } from 'node:fs';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, jsonSchema, streamText, tool } from 'ai';
import { BAD, MODEL, Program, holds, same, words } from './checks.mjs';

const version = JSON.parse(readFileSync(new URL('./node_modules/ai/package.json', import.meta.url), 'utf8')).version;
globalThis.AI_SDK_LOG_WARNINGS = false;
const p = new Program(`node ai ${version}`);

const PROVIDERS = {
  'openai chat': (base) => createOpenAI({ baseURL: `${base}/v1`, apiKey: 'sk-test' }).chat(MODEL),
  'openai responses': (base) => createOpenAI({ baseURL: `${base}/v1`, apiKey: 'sk-test' }).responses(MODEL),
  'openai-compatible': (base) => createOpenAICompatible({ name: 'mill', baseURL: `${base}/v1`, apiKey: 'sk-test' })(MODEL),
  anthropic: (base) => createAnthropic({ baseURL: `${base}/v1`, apiKey: 'sk-test' })(MODEL),
};
const schema = { type: 'object', properties: { to: { type: 'string' }, subject: { type: 'string' }, urgent: { type: 'boolean' } } };
const tools = { [words.TOOL]: tool({ description: 'Sends a mail.', inputSchema: jsonSchema(schema) }) };

/** Everything that a stream of the AI SDK says. */
async function follow(model, prompt, more = {}) {
  const result = streamText({ model, prompt, maxRetries: 0, onError: () => {}, ...more });
  let text = '';
  let end = null;
  const errors = [];
  const calls = [];
  const parts = [];
  for await (const part of result.fullStream) {
    parts.push(part);
    if (part.type === 'text-delta') text += part.text;
    if (part.type === 'tool-call') calls.push(part.input);
    if (part.type === 'error') errors.push(part.error);
    if (part.type === 'finish') end = part.finishReason;
  }
  // Some parts repeat the request.
  p.quiet(parts.filter((x) => !['start-step', 'finish-step', 'error'].includes(x.type)));
  return { text, end, errors, calls };
}

const ask = (model, prompt, more = {}) => generateText({ model, prompt, maxRetries: 0, ...more });
const status = (wanted) => (error) => {
  holds(APICallError.isInstance(error), `${error?.constructor?.name}: ${error}`);
  same(error.statusCode, wanted, 'status');
};

for (const [name, make] of Object.entries(PROVIDERS)) {
  p.case(`${name}: plain and streamed`, async (base) => {
    const answer = await ask(make(base), 'run plain');
    same([answer.text, answer.finishReason], [words.PLAIN, 'stop']);
    const { text, end } = await follow(make(base), 'run plain');
    same([text, end], [words.PLAIN, 'stop']);
  });
  p.case(`${name}: tools`, async (base) => {
    p.arguments((await ask(make(base), 'run tools', { tools })).toolCalls[0].input);
    const { calls, end } = await follow(make(base), 'run tools', { tools });
    p.arguments(calls[0]);
    same(end, 'tool-calls');
  });
  p.case(`${name}: masked`, async (base) => {
    same((await ask(make(base), 'run masked')).text, p.masked(words.MASKED));
    same((await follow(make(base), 'run masked')).text, p.masked(words.MASKED));
    p.echo((await ask(make(base), `run echo my address is ${words.MAIL}`)).text);
  });
  p.case(`${name}: blocked before`, async (base) => {
    await p.raises(status(400), () => ask(make(base), BAD));
    const { errors } = await follow(make(base), BAD);
    status(400)(errors[0]);
  }, { gateway: true });
  p.case(`${name}: blocked before, as a refusal`, async (base) => {
    same((await ask(make(base), BAD)).finishReason, 'content-filter');
    same((await follow(make(base), BAD)).end, 'content-filter');
  }, { refusal: true });
  p.case(`${name}: blocked in mid-stream`, async (base) => {
    const { text, end } = await follow(make(base), 'run cut');
    p.cut(text);
    same(end, 'content-filter');
  }, { gateway: true });
  p.case(`${name}: upstream errors`, async (base) => {
    await p.raises(status(429), () => ask(make(base), 'run e429'));
    await p.raises(status(500), () => ask(make(base), 'run e500'));
    const { errors } = await follow(make(base), 'run late');
    holds(errors.length > 0, 'no error after 200');
  });
  p.case(`${name}: upstream dies`, async (base) => {
    const { errors } = await follow(make(base), 'run dies');
    holds(errors.length > 0, 'no error where the upstream died in mid-stream');
    await p.raises(status(502), () => ask(make(base), 'run dies'));
  }, { gateway: true });
}

await p.main();
