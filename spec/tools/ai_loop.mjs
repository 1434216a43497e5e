// What the npm package `ai` makes of a model that calls tools. One scenario per line on standard input, one answer per line on
// standard output: the parts of `streamText`, the messages, who was told, and the same of `generateText`.
// Usage: node ai_loop.mjs FOLDER, a folder with `ai` in its node_modules.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const require = createRequire(pathToFileURL(`${process.argv[2]}/package.json`));
const { generateText, hasToolCall, isLoopFinished, isStepCount, jsonSchema, streamText, tool } = await import(
  pathToFileURL(require.resolve('ai')).href
);

const numbers = jsonSchema(
  { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'] },
  {
    validate: given =>
      typeof given?.a === 'number' && typeof given?.b === 'number'
        ? { success: true, value: given }
        : { success: false, error: new Error('a and b must be numbers') },
  },
);
const nothing = jsonSchema({ type: 'object', properties: {} }, { validate: value => ({ success: true, value }) });

/** The same tools are in tests/core/test_like_the_ai_sdk.py. */
const TOOLS = {
  add: tool({ inputSchema: numbers, execute: async ({ a, b }) => a + b }),
  echo: tool({ inputSchema: nothing, execute: async given => ({ given }) }),
  fail: tool({
    inputSchema: nothing,
    execute: async () => {
      throw new Error('it broke');
    },
  }),
  count: tool({
    inputSchema: nothing,
    async *execute() {
      yield 'one';
      yield 'two';
    },
  }),
  ask: tool({ inputSchema: nothing }),
  guarded: tool({ inputSchema: nothing, needsApproval: true, execute: async () => 'done' }),
  terse: tool({ inputSchema: nothing, execute: async () => [1, 2], toModelOutput: ({ output }) => ({ type: 'text', value: `${output.length} items` }) }),
};
const STOP = { step: isStepCount, loop: isLoopFinished, tool: hasToolCall };
const NAMES = [
  'onStart', 'onStepStart', 'onLanguageModelCallStart', 'onLanguageModelCallEnd', 'onToolExecutionStart', 'onToolExecutionEnd',
  'onStepEnd', 'onEnd',
];
const STREAM_NAMES = [...NAMES, 'onError', 'onAbort'];

/** The answers of a model, in turn. */
function model(answers, prompts) {
  let turn = 0;
  const next = call => {
    prompts.push(call);
    return answers[turn++];
  };
  return {
    specificationVersion: 'v4',
    provider: 'scripted',
    modelId: 'scripted',
    supportedUrls: {},
    doStream: async call => {
      const parts = next(call);
      return {
        stream: new ReadableStream({
          start(controller) {
            controller.enqueue({ type: 'stream-start', warnings: [] });
            parts.forEach(part => controller.enqueue(part.type === 'error' ? { type: 'error', error: new Error(part.error) } : part));
            controller.close();
          },
        }),
      };
    },
    doGenerate: async call => {
      const content = [];
      let end;
      for (const part of next(call)) {
        if (part.type === 'text-delta' || part.type === 'reasoning-delta') content.push({ type: part.type.split('-')[0], text: part.delta });
        else if (part.type === 'finish') end = part;
        else if (['tool-call', 'tool-result', 'source'].includes(part.type)) content.push(part);
      }
      return { content, finishReason: end.finishReason, usage: end.usage, warnings: [] };
    },
  };
}

function settings(scenario, prompts, told, names) {
  const given = {
    model: model(scenario.answers, prompts),
    tools: Object.fromEntries((scenario.tools ?? []).map(name => [name, TOOLS[name]])),
    stopWhen: (scenario.stop ?? [['step', 20]]).map(([kind, ...args]) => STOP[kind](...args)),
    maxRetries: 0,
    ...scenario.settings,
  };
  if (!scenario.settings?.messages) given.prompt = 'Hi';
  for (const name of names) given[name] = () => void told.push(name);
  return given;
}

const calls = prompts =>
  prompts.map(call => ({ prompt: call.prompt, tools: (call.tools ?? []).map(each => each.name), toolChoice: call.toolChoice }));

async function streamed(scenario) {
  const prompts = [], told = [], parts = [];
  const result = streamText(settings(scenario, prompts, told, STREAM_NAMES));
  for await (const part of result.stream) parts.push(part);
  const answer = { parts, told, calls: calls(prompts) };
  try {
    Object.assign(answer, await outcome(result));
  } catch (error) {
    answer.failed = error.message;
  }
  return answer;
}

async function whole(scenario) {
  const prompts = [], told = [];
  try {
    const result = await generateText(settings(scenario, prompts, told, NAMES));
    return { told, calls: calls(prompts), ...(await outcome(result)) };
  } catch (error) {
    return { told, calls: calls(prompts), failed: error.message };
  }
}

const outcome = async result => ({
  text: await result.text,
  finishReason: await result.finishReason,
  usage: await result.usage,
  steps: (await result.steps).map(step => ({
    text: step.text,
    reasoning: step.reasoningText ?? null,
    finishReason: step.finishReason,
    content: step.content.map(part => part.type),
  })),
  messages: await result.responseMessages,
});

for await (const line of createInterface({ input: process.stdin })) {
  const scenario = JSON.parse(line);
  const replacer = (key, value) => (value instanceof Error ? { message: value.message } : value);
  const answer = { stream: await streamed(scenario), whole: scenario.streamOnly ? null : await whole(scenario) };
  console.log(JSON.stringify(answer, replacer));
}
