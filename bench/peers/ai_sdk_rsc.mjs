// /// script
// [tool.bench]
// name = "AI SDK, RSC"
// wire = "flight"
// does = ["text", "tools"]
// ///
//
// The same action in the AI SDK on Node: streamText → createStreamableValue().update → React's own Flight server.
// Start with --conditions=react-server; prints the port it listens on.
import { createServer } from 'node:http';
import { createOpenAI } from '@ai-sdk/openai';
import { createStreamableValue } from '@ai-sdk/rsc';
import { isStepCount, streamText, tool } from 'ai';
import { z } from 'zod';
import { decodeReply, renderToPipeableStream } from 'react-server-dom-webpack/server.node';

const openai = createOpenAI({ apiKey: 'none', baseURL: process.env.OPENAI_BASE_URL });

async function generate(input) {
  const stream = createStreamableValue('');

  (async () => {
    const { textStream } = streamText({ model: openai.chat('gpt-5.4-mini'), prompt: input });

    for await (const delta of textStream) {
      stream.update(delta);
    }

    stream.done();
  })();

  return { output: stream.value };
}

const lookUp = tool({
  description: 'Look up a number.',
  inputSchema: z.object({ name: z.string() }),
  execute: async ({ name }) => ({ name, number: name.length }),
});

async function useTool(input) {
  const stream = createStreamableValue('');

  (async () => {
    const { textStream } = streamText({
      model: openai.chat('gpt-5.4-mini'),
      prompt: input,
      tools: { lookUp },
      stopWhen: isStepCount(5),
    });

    for await (const delta of textStream) {
      stream.update(delta);
    }

    stream.done();
  })();

  return { output: stream.value };
}

const actions = { 'actions#generate': generate, 'actions#useTool': useTool };

async function readBody(request) {
  request.setEncoding('utf8');
  let body = '';
  for await (const text of request) body += text;
  return body;
}

const server = createServer(async (request, response) => {
  if (request.method !== 'POST') {
    response.writeHead(404).end();
    return;
  }
  const args = await decodeReply(await readBody(request), {});
  response.writeHead(200, { 'content-type': 'text/x-component' });
  renderToPipeableStream(await actions[request.headers['rsc-action-id']](...args), {}).pipe(response);
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
