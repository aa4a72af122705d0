// Lists every field of the Node SDKs' own types (their .d.ts files, read by the TypeScript compiler) that can stand on the wire.
// Same lines as walk_python.py: `dialect operation kind path type`.

import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';

const home = path.resolve(process.argv[2] ?? '.cache/sdk/node');
const require = createRequire(path.join(home, 'package.json'));
const ts = require('typescript');

// One alias a root: the compiler resolves it, the walk follows it.
const ROOTS = [
  ['openai', 'chat.completions', 'request', "import('openai/resources/chat/completions').ChatCompletionCreateParams"],
  ['openai', 'chat.completions', 'answer', "import('openai/resources/chat/completions').ChatCompletion"],
  ['openai', 'chat.completions', 'event', "import('openai/resources/chat/completions').ChatCompletionChunk"],
  ['openai', 'completions', 'request', "import('openai/resources/completions').CompletionCreateParams"],
  ['openai', 'completions', 'answer', "import('openai/resources/completions').Completion"],
  ['openai', 'completions', 'event', "import('openai/resources/completions').Completion"],
  ['openai', 'responses', 'request', "import('openai/resources/responses/responses').ResponseCreateParams"],
  ['openai', 'responses', 'answer', "import('openai/resources/responses/responses').Response"],
  ['openai', 'responses', 'event', "import('openai/resources/responses/responses').ResponseStreamEvent"],
  ['openai', 'embeddings', 'request', "import('openai/resources/embeddings').EmbeddingCreateParams"],
  ['openai', 'embeddings', 'answer', "import('openai/resources/embeddings').CreateEmbeddingResponse"],
  ['openai', 'moderations', 'request', "import('openai/resources/moderations').ModerationCreateParams"],
  ['openai', 'moderations', 'answer', "import('openai/resources/moderations').ModerationCreateResponse"],
  ['openai', 'models', 'answer', "import('openai/resources/models').Model"],
  ['anthropic', 'messages', 'request', "import('@anthropic-ai/sdk/resources/messages').MessageCreateParams"],
  ['anthropic', 'messages', 'answer', "import('@anthropic-ai/sdk/resources/messages').Message"],
  ['anthropic', 'messages', 'event', "import('@anthropic-ai/sdk/resources/messages').RawMessageStreamEvent"],
  ['anthropic', 'messages', 'request', "import('@anthropic-ai/sdk/resources/beta/messages').MessageCreateParams"],
  ['anthropic', 'messages', 'answer', "import('@anthropic-ai/sdk/resources/beta/messages').BetaMessage"],
  ['anthropic', 'messages', 'event', "import('@anthropic-ai/sdk/resources/beta/messages').BetaRawMessageStreamEvent"],
  ['anthropic', 'count_tokens', 'request', "import('@anthropic-ai/sdk/resources/messages').MessageCountTokensParams"],
  ['anthropic', 'count_tokens', 'answer', "import('@anthropic-ai/sdk/resources/messages').MessageTokensCount"],
  ['anthropic', 'count_tokens', 'request', "import('@anthropic-ai/sdk/resources/beta/messages').MessageCountTokensParams"],
  ['anthropic', 'models', 'answer', "import('@anthropic-ai/sdk/resources/models').ModelInfo"],
  ['gemini', 'generateContent', 'request', 'GeminiRequest'],
  ['gemini', 'generateContent', 'answer', "import('@google/genai').GenerateContentResponse"],
  ['gemini', 'streamGenerateContent', 'request', 'GeminiRequest'],
  ['gemini', 'streamGenerateContent', 'event', "import('@google/genai').GenerateContentResponse"],
  ['gemini', 'countTokens', 'request', '{ contents: Google.Content[]; generateContentRequest: GeminiRequest }'],
  ['gemini', 'countTokens', 'answer', "import('@google/genai').CountTokensResponse"],
  ['gemini', 'embedContent', 'request', 'GeminiEmbed'],
  ['gemini', 'embedContent', 'answer', '{ embedding: Google.ContentEmbedding }'],
  ['gemini', 'batchEmbedContents', 'request', '{ requests: GeminiEmbed[] }'],
  ['gemini', 'batchEmbedContents', 'answer', "import('@google/genai').EmbedContentResponse"],
  ['gemini', 'models', 'answer', "import('@google/genai').Model"],
  ['ollama', 'chat', 'request', "import('ollama').ChatRequest"],
  ['ollama', 'chat', 'answer', "import('ollama').ChatResponse"],
  ['ollama', 'chat', 'event', "import('ollama').ChatResponse"],
  ['ollama', 'generate', 'request', "import('ollama').GenerateRequest"],
  ['ollama', 'generate', 'answer', "import('ollama').GenerateResponse"],
  ['ollama', 'generate', 'event', "import('ollama').GenerateResponse"],
  ['ollama', 'embed', 'request', "import('ollama').EmbedRequest"],
  ['ollama', 'embed', 'answer', "import('ollama').EmbedResponse"],
];

// What the Gemini SDK builds from its arguments: the configuration is the body's `generationConfig`, less what is lifted into the
// body itself (`generateContentConfigToMldev`).
const SOURCE = `
import type * as Google from '@google/genai';
type Lifted = 'httpOptions' | 'abortSignal' | 'shouldReturnHttpResponse' | 'automaticFunctionCalling' | 'systemInstruction' | 'safetySettings'
  | 'tools' | 'toolConfig' | 'labels' | 'cachedContent' | 'serviceTier' | 'continuationToken' | 'store' | 'responseSchema' | 'speechConfig';
type GeminiRequest = {
  contents: Google.Content[];
  systemInstruction: Google.Content;
  tools: Google.Tool[];
  generationConfig: Omit<Google.GenerateContentConfig, Lifted> & Omit<Google.GenerationConfig, keyof Google.GenerateContentConfig>
    & Pick<Google.GenerationConfig, 'responseSchema' | 'speechConfig'>;
} & Pick<Google.GenerateContentConfig, 'safetySettings' | 'toolConfig' | 'labels' | 'cachedContent'>;
type GeminiEmbed = { model: string; content: Google.Content } & Omit<Google.EmbedContentConfig, 'httpOptions' | 'abortSignal'>;
${ROOTS.map(([, , , type], i) => `export type Root${i} = ${type};`).join('\n')}
`;

const file = path.join(home, 'roots.ts');
const options = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
};
const host = ts.createCompilerHost(options);
const read = host.getSourceFile.bind(host);
const exists = host.fileExists.bind(host);
host.fileExists = (name) => path.resolve(name) === file || exists(name);
host.getSourceFile = (name, ...rest) =>
  path.resolve(name) === file ? ts.createSourceFile(name, SOURCE, ts.ScriptTarget.ES2022, true) : read(name, ...rest);
const program = ts.createProgram([file], options, host);
const checker = program.getTypeChecker();
const source = program.getSourceFile(file);
const wrong = program.getSemanticDiagnostics(source);
for (const d of wrong) console.error('cannot read:', ts.flattenDiagnosticMessageText(d.messageText, '\n'));

const BYTES = new Set(['Uint8Array', 'ArrayBuffer', 'Blob', 'Buffer', 'Date', 'ReadableStream', 'File']);

function walk(type, at, stack, add, depth = 0) {
  const F = ts.TypeFlags;
  if (type.flags & (F.Undefined | F.Null | F.Void | F.Never)) return;
  if (type.isUnionOrIntersection() && type.isUnion()) {
    for (const arm of type.types) walk(arm, at, stack, add, depth);
    return;
  }
  if (type.flags & (F.StringLiteral | F.EnumLiteral | F.Enum) && !(type.flags & F.NumberLike)) return add(at, 'enum');
  if (type.flags & F.TemplateLiteral) return add(at, 'string');
  if (type.flags & F.StringLike) return add(at, 'string');
  if (type.flags & (F.NumberLike | F.BooleanLike | F.BigIntLike)) return add(at, 'scalar');
  if (type.flags & (F.Any | F.Unknown | F.NonPrimitive)) return add(at, 'any');
  if (type.isIntersection() && type.types.some((t) => t.flags & F.String)) return add(at, 'string');
  if (type.flags & F.TypeParameter) {
    const bound = checker.getBaseConstraintOfType(type);
    return bound ? walk(bound, at, stack, add, depth) : add(at, 'any');
  }
  if (checker.isArrayType(type) || checker.isTupleType(type)) {
    for (const arm of checker.getTypeArguments(type)) walk(arm, `${at}[]`, stack, add, depth);
    return;
  }
  const name = type.symbol?.getName();
  if (BYTES.has(name)) return add(at, name === 'Date' ? 'string' : 'base64');
  if (type.getCallSignatures().length || type.getConstructSignatures().length) return;
  if (stack.includes(type) || depth > 40) return add(`${at}.**`, 'any');
  const inner = [...stack, type];
  const members = checker.getPropertiesOfType(type).filter((m) => !isCode(m));
  const index = checker.getIndexInfosOfType(type);
  if (!members.length && !index.length) return add(at, 'any');
  for (const info of index) walk(info.type, `${at}.*`, inner, add, depth + 1);
  for (const member of members) {
    const below = checker.getTypeOfSymbolAtLocation(member, source);
    walk(below, at ? `${at}.${member.getName()}` : member.getName(), inner, add, depth + 1);
  }
}

// Methods and getters of the SDK's classes are no fields.
function isCode(symbol) {
  const kinds = new Set((symbol.declarations ?? []).map((d) => d.kind));
  return (
    kinds.has(ts.SyntaxKind.MethodDeclaration) || kinds.has(ts.SyntaxKind.GetAccessor) || kinds.has(ts.SyntaxKind.MethodSignature)
  );
}

const NOT_IN_BODY = { anthropic: ['betas', 'user_profile_id'], gemini: ['sdkHttpResponse', 'automaticFunctionCallingHistory'] };
let failed = wrong.length > 0;
const lines = new Set();
for (const statement of source.statements) {
  if (!ts.isTypeAliasDeclaration(statement) || !/^Root\d+$/.test(statement.name.text)) continue;
  const [dialect, operation, kind] = ROOTS[Number(statement.name.text.slice(4))];
  const type = checker.getTypeAtLocation(statement.name);
  if (type.flags & ts.TypeFlags.Any) {
    console.error('cannot read:', dialect, operation, kind);
    failed = true;
  }
  walk(type, '', [], (at, what) => {
    const top = at.split(/[.[]/)[0];
    if (NOT_IN_BODY[dialect]?.includes(top)) return;
    lines.add([dialect, operation, kind, at, what].join('\t'));
  });
}
process.stdout.write([...lines].join('\n') + '\n');
process.exitCode = failed ? 1 : 0;
