// The official Anthropic SDK for Node: messages whole and streamed, count_tokens.

import Anthropic from '@anthropic-ai/sdk';
import { VERSION } from '@anthropic-ai/sdk/version';
import { BAD, MODEL, Program, holds, same, words } from './checks.mjs';

const p = new Program(`node @anthropic-ai/sdk ${VERSION}`);
const client = (base) => new Anthropic({ baseURL: base, apiKey: 'sk-ant-test', maxRetries: 0, timeout: 30_000 });
const body = (text, more = {}) => ({ model: MODEL, max_tokens: 200, messages: [{ role: 'user', content: text }], ...more });
const ask = (base, text, more) => client(base).messages.create(body(text, more));
const tools = [{ name: words.TOOL, description: 'Sends a mail.', input_schema: { type: 'object', properties: { to: { type: 'string' } } } }];

async function follow(stream) {
  let text = '';
  let args = '';
  let stop = null;
  const events = [];
  for await (const event of stream) {
    events.push(event);
    if (event.type === 'content_block_delta') {
      text += event.delta.text ?? '';
      args += event.delta.partial_json ?? '';
    }
    if (event.type === 'message_delta') stop = event.delta.stop_reason;
  }
  p.quiet(events);
  return { text, args, stop, last: events.at(-1)?.type };
}

function filtered(error) {
  holds(error instanceof Anthropic.BadRequestError, `${error?.constructor?.name}: ${error}`);
  same(error.error?.error?.type, 'invalid_request_error', 'type');
  const details = error.error.error.sluicegate;
  holds(details?.rule && details.complaint_url.includes(details.exchange), `details: ${JSON.stringify(details)}`);
}

p.case('plain and streamed', async (base) => {
  const answer = await ask(base, 'run plain');
  same([answer.content[0].text, answer.stop_reason], [words.PLAIN, 'end_turn']);
  const { text, stop, last } = await follow(await ask(base, 'run plain', { stream: true }));
  same([text, stop, last], [words.PLAIN, 'end_turn', 'message_stop']);
});
p.case('tools', async (base) => {
  p.arguments((await ask(base, 'run tools', { tools })).content[0].input);
  const { args, stop } = await follow(await ask(base, 'run tools', { tools, stream: true }));
  p.arguments(args);
  same(stop, 'tool_use');
});
p.case("streamed by the SDK's helper", async (base) => {
  const final = await client(base).messages.stream(body('run both', { tools })).finalMessage();
  same(final.content[0].text, p.masked(words.MASKED));
  p.arguments(final.content[1].input);
});
p.case('masked', async (base) => {
  same((await ask(base, 'run masked')).content[0].text, p.masked(words.MASKED));
  same((await follow(await ask(base, 'run masked', { stream: true }))).text, p.masked(words.MASKED));
  p.echo((await ask(base, `run echo my address is ${words.MAIL}`)).content[0].text);
});
p.case('blocked before', async (base) => {
  await p.raises(filtered, () => ask(base, BAD));
  await p.raises(filtered, () => ask(base, BAD, { stream: true }));
}, { gateway: true });
p.case('blocked before, as a refusal', async (base) => {
  const answer = await ask(base, BAD);
  same(answer.stop_reason, 'refusal');
  holds(answer.content[0].text, 'a refusal without words');
  const { text, stop } = await follow(await ask(base, BAD, { stream: true }));
  same(stop, 'refusal');
  holds(text, 'a refusal without words');
}, { refusal: true });
p.case('answer blocked', (base) => p.raises(filtered, () => ask(base, 'run cut')), { gateway: true });
p.case('blocked in mid-stream', async (base) => {
  const { text, stop, last } = await follow(await ask(base, 'run cut', { stream: true }));
  p.cut(text);
  same([stop, last], ['refusal', 'message_stop']);
}, { gateway: true });
p.case("blocked in mid-stream, by the SDK's helper", async (base) => {
  const final = await client(base).messages.stream(body('run cut')).finalMessage();
  p.cut(final.content[0].text);
  same(final.stop_reason, 'refusal');
}, { gateway: true });
p.case('upstream errors', async (base) => {
  await p.raises(Anthropic.RateLimitError, () => ask(base, 'run e429'));
  await p.raises(Anthropic.InternalServerError, () => ask(base, 'run e500', { stream: true }));
  await p.raises(Anthropic.APIError, async () => follow(await ask(base, 'run late', { stream: true })));
});
p.case('upstream dies', async (base) => {
  await p.raises(Anthropic.APIError, async () => follow(await ask(base, 'run dies', { stream: true })));
  await p.raises(Anthropic.InternalServerError, () => ask(base, 'run dies'));
}, { gateway: true });
p.case('count_tokens', async (base) => {
  const { max_tokens: _, ...rest } = body('run plain');
  same((await client(base).messages.countTokens(rest)).input_tokens, 9);
});

await p.main();
