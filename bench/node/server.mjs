// The same action in the AI SDK on Node: streamText → createStreamableValue().update → React's own Flight server.
// Start with --conditions=react-server; prints the port it listens on.
import { createServer } from 'node:http';
import { createOpenAI } from '@ai-sdk/openai';
import { createStreamableValue } from '@ai-sdk/rsc';
import { streamText } from 'ai';
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
  renderToPipeableStream(await generate(...args), {}).pipe(response);
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
