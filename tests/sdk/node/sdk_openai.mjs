// The official OpenAI SDK for Node: chat completions, legacy completions, responses, embeddings, models.

import OpenAI from 'openai';
import { VERSION } from 'openai/version';
import { BAD, MODEL, Program, holds, same, words } from './checks.mjs';

const p = new Program(`node openai ${VERSION}`);
const client = (base) => new OpenAI({ baseURL: `${base}/v1`, apiKey: 'sk-test-of-the-client', maxRetries: 0, timeout: 30_000 });
const ask = (base, text, more = {}) =>
  client(base).chat.completions.create({ model: MODEL, messages: [{ role: 'user', content: text }], ...more });
const respond = (base, text, more = {}) => client(base).responses.create({ model: MODEL, input: text, ...more });
const parameters = { type: 'object', properties: { to: { type: 'string' } } };
const tools = [{ type: 'function', function: { name: words.TOOL, description: 'Sends a mail.', parameters } }];

async function join(stream) {
  const texts = {};
  const ends = {};
  const chunks = [];
  let args = '';
  for await (const chunk of stream) {
    chunks.push(chunk);
    for (const c of chunk.choices) {
      texts[c.index] = (texts[c.index] ?? '') + (c.delta.content ?? '');
      for (const call of c.delta.tool_calls ?? []) args += call.function.arguments ?? '';
      if (c.finish_reason) ends[c.index] = c.finish_reason;
    }
  }
  p.quiet(chunks);
  return { texts, ends, args };
}

function filtered(error) {
  holds(error instanceof OpenAI.BadRequestError, `${error?.constructor?.name}: ${error}`);
  same(error.code, 'content_filter', 'code');
  const details = error.error.sluicegate;
  holds(details?.rule && details.complaint_url.includes(details.exchange), `details: ${JSON.stringify(details)}`);
}

p.case('chat plain', async (base) => {
  const answer = await ask(base, 'run plain');
  same([answer.choices[0].message.content, answer.choices[0].finish_reason], [words.PLAIN, 'stop']);
});
p.case('chat streamed', async (base) => {
  const { texts, ends } = await join(await ask(base, 'run plain', { stream: true }));
  same([texts, ends], [{ 0: words.PLAIN }, { 0: 'stop' }]);
});
p.case('chat tools', async (base) => {
  p.arguments((await ask(base, 'run tools', { tools })).choices[0].message.tool_calls[0].function.arguments);
  const { args, ends } = await join(await ask(base, 'run tools', { tools, stream: true }));
  p.arguments(args);
  same(ends, { 0: 'tool_calls' });
});
p.case("chat by the SDK's stream helper", async (base) => {
  const stream = client(base).chat.completions.stream({ model: MODEL, messages: [{ role: 'user', content: 'run both' }], tools });
  const final = await stream.finalChatCompletion();
  same(final.choices[0].message.content, p.masked(words.MASKED));
  p.arguments(final.choices[0].message.tool_calls[0].function.arguments);
});
p.case('chat two choices', async (base) => {
  const answer = await ask(base, 'run two', { n: 2 });
  same(answer.choices.map((c) => c.message.content), [words.PLAIN, p.masked(words.MASKED)]);
  const { texts } = await join(await ask(base, 'run two', { n: 2, stream: true }));
  same(texts, { 0: words.PLAIN, 1: p.masked(words.MASKED) });
});
p.case('chat masked', async (base) => {
  same((await ask(base, 'run masked')).choices[0].message.content, p.masked(words.MASKED));
  const { texts } = await join(await ask(base, 'run masked', { stream: true }));
  same(texts, { 0: p.masked(words.MASKED) });
});
p.case('chat prompt masked', async (base) => {
  p.echo((await ask(base, `run echo my address is ${words.MAIL}`)).choices[0].message.content);
});
p.case('chat blocked before', async (base) => {
  await p.raises(filtered, () => ask(base, BAD));
  await p.raises(filtered, () => ask(base, BAD, { stream: true }));
}, { gateway: true });
p.case('chat blocked before, as a refusal', async (base) => {
  same((await ask(base, BAD)).choices[0].finish_reason, 'content_filter');
  const { texts, ends } = await join(await ask(base, BAD, { stream: true }));
  same(ends, { 0: 'content_filter' });
  holds(texts[0], 'a refusal without words');
}, { refusal: true });
p.case('chat answer blocked', (base) => p.raises(filtered, () => ask(base, 'run cut')), { gateway: true });
p.case('chat blocked in mid-stream', async (base) => {
  const { texts, ends } = await join(await ask(base, 'run cut', { stream: true }));
  p.cut(texts[0]);
  same(ends, { 0: 'content_filter' });
}, { gateway: true });
p.case('chat upstream errors', async (base) => {
  await p.raises(OpenAI.RateLimitError, () => ask(base, 'run e429'));
  await p.raises(OpenAI.InternalServerError, () => ask(base, 'run e500', { stream: true }));
  await p.raises(OpenAI.APIError, async () => join(await ask(base, 'run late', { stream: true })));
});
p.case('chat upstream dies', async (base) => {
  await p.raises(OpenAI.APIError, async () => join(await ask(base, 'run dies', { stream: true })));
  await p.raises(OpenAI.InternalServerError, () => ask(base, 'run dies'));
}, { gateway: true });
p.case('completions', async (base) => {
  const c = client(base);
  same((await c.completions.create({ model: MODEL, prompt: 'run plain' })).choices[0].text, words.PLAIN);
  let text = '';
  for await (const chunk of await c.completions.create({ model: MODEL, prompt: 'run masked', stream: true })) text += chunk.choices[0].text;
  same(text, p.masked(words.MASKED));
});

async function follow(stream) {
  let text = '';
  let args = '';
  const events = [];
  for await (const event of stream) {
    events.push(event);
    if (event.type === 'response.output_text.delta') text += event.delta;
    if (event.type === 'response.function_call_arguments.delta') args += event.delta;
  }
  p.quiet(events);
  return { text, args, last: events.at(-1) };
}

p.case('responses plain and streamed', async (base) => {
  same((await respond(base, 'run plain')).output_text, words.PLAIN);
  const { text, last } = await follow(await respond(base, 'run plain', { stream: true }));
  same([text, last.type], [words.PLAIN, 'response.completed']);
});
p.case('responses tools', async (base) => {
  const one = [{ type: 'function', name: words.TOOL, description: 'Sends a mail.', parameters, strict: false }];
  p.arguments((await respond(base, 'run tools', { tools: one })).output[0].arguments);
  const { args, last } = await follow(await respond(base, 'run tools', { tools: one, stream: true }));
  p.arguments(args);
  p.arguments(last.response.output[0].arguments);
});
p.case('responses masked', async (base) => {
  same((await respond(base, 'run masked')).output_text, p.masked(words.MASKED));
  const { text, last } = await follow(await respond(base, 'run masked', { stream: true }));
  same(text, p.masked(words.MASKED));
  same(last.response.output[0].content[0].text, p.masked(words.MASKED), 'text of the last event');
  p.echo((await respond(base, `run echo my address is ${words.MAIL}`)).output_text);
});
p.case('responses blocked before', (base) => p.raises(filtered, () => respond(base, BAD)), { gateway: true });
p.case('responses blocked before, as a refusal', async (base) => {
  const answer = await respond(base, BAD);
  same(answer.output[0].content[0].type, 'refusal');
}, { refusal: true });
p.case('responses blocked in mid-stream', async (base) => {
  const { text, last } = await follow(await respond(base, 'run cut', { stream: true }));
  p.cut(text);
  same([last.type, last.response.incomplete_details.reason], ['response.incomplete', 'content_filter']);
}, { gateway: true });
p.case('responses upstream errors', async (base) => {
  await p.raises(OpenAI.RateLimitError, () => respond(base, 'run e429'));
  // The SDK hands an `error` event on, or raises it.
  const ended = await respond(base, 'run late', { stream: true }).then(follow).catch((error) => ({ last: { type: error instanceof OpenAI.APIError ? 'error' : String(error) } }));
  same(ended.last.type, 'error');
});
p.case('embeddings and models', async (base) => {
  const c = client(base);
  same((await c.embeddings.create({ model: MODEL, input: ['run plain', 'two'] })).data[1].embedding, [0.25, -0.5, 1]);
  same((await c.models.list()).data.map((m) => m.id), [MODEL]);
});
p.case('embeddings blocked', (base) => p.raises(filtered, () => client(base).embeddings.create({ model: MODEL, input: BAD })), { gateway: true });

await p.main();
