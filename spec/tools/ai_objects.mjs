// What the npm package `ai` makes of JSON that is still being written. One question per line on standard input, one answer
// per line on standard output. Usage: node ai_objects.mjs FOLDER, a folder with `ai` in its node_modules.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const require = createRequire(pathToFileURL(`${process.argv[2]}/package.json`));
const ai = await import(pathToFileURL(require.resolve('ai')).href);

const finish = {
  type: 'finish',
  finishReason: { unified: 'stop', raw: 'stop' },
  usage: { inputTokens: { total: 1 }, outputTokens: { total: 1 } },
};

/** A model that answers with these deltas, one text part each list. */
function model(texts) {
  const parts = [{ type: 'stream-start', warnings: [] }];
  texts.forEach((deltas, n) => {
    const id = String(n);
    parts.push({ type: 'text-start', id }, ...deltas.map(delta => ({ type: 'text-delta', id, delta })), { type: 'text-end', id });
  });
  parts.push(finish);
  return {
    specificationVersion: 'v4',
    provider: 'scripted',
    modelId: 'scripted',
    supportedUrls: {},
    doStream: async () => ({
      stream: new ReadableStream({
        start(controller) {
          parts.forEach(part => controller.enqueue(part));
          controller.close();
        },
      }),
    }),
    doGenerate: async () => ({
      content: texts.map(deltas => ({ type: 'text', text: deltas.join('') })),
      finishReason: finish.finishReason,
      usage: finish.usage,
      warnings: [],
    }),
  };
}

function outputOf({ mode, schema, options }) {
  const any = ai.jsonSchema(schema ?? {}, {
    // As a Python test can validate it too: numbers and objects with a number "n" are elements, the rest is not.
    validate: value =>
      mode !== 'array' || typeof value === 'number' || typeof value?.n === 'number'
        ? { success: true, value }
        : { success: false, error: new Error('no number') },
  });
  if (mode === 'object') return ai.Output.object({ schema: any });
  if (mode === 'array') return ai.Output.array({ element: any });
  if (mode === 'choice') return ai.Output.choice({ options });
  return mode === 'json' ? ai.Output.json() : ai.Output.text();
}

async function all(stream) {
  const values = [];
  for await (const value of stream) values.push(value);
  return values;
}

async function settled(promise) {
  try {
    return { value: await promise };
  } catch (error) {
    return { error: error.name, message: error.message };
  }
}

const answers = {
  partial: async ({ texts }) => Promise.all(texts.map(text => ai.parsePartialJson(text))),

  stream: async question => {
    const output = outputOf(question);
    const result = ai.streamText({ model: model(question.texts), prompt: 'x', output, onError() {} });
    const elements = question.mode === 'array' ? all(result.elementStream) : [];
    const partials = all(result.partialOutputStream);
    return { partials: await partials, elements: await elements, output: await settled(result.output) };
  },

  // The parts that `smoothStream` lets go, [type, text] each.
  smooth: async ({ texts, chunking, pattern }) => {
    const smooth = ai.smoothStream({ delayInMs: null, chunking: pattern ? new RegExp(pattern) : chunking });
    const parts = await all(ai.streamText({ model: model(texts), prompt: 'x', experimental_transform: smooth }).stream);
    return parts.filter(part => part.type === 'text-delta').map(part => [part.id, part.text]);
  },

  // What a model with middleware streams, [type, text] each, and what it gives at once.
  middleware: async ({ texts, name, options }) => {
    const wrapped = ai.wrapLanguageModel({ model: model(texts), middleware: ai[name](options) });
    const { stream } = await wrapped.doStream({});
    const parts = (await all(stream)).filter(part => /^(text|reasoning)-/.test(part.type));
    const { content } = await wrapped.doGenerate({});
    return { parts: parts.map(part => [part.type, part.delta ?? '']), content: content.map(part => [part.type, part.text]) };
  },

  format: async question => outputOf(question).responseFormat,
};

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await answers[question.do](question))}\n`);
}
