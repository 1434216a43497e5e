// /// script
// [tool.bench]
// name = "AI SDK, UI messages"
// wire = "ui-messages"
// ///
//
// The AI SDK's own protocol for `useChat`: streamText → toUIMessageStreamResponse(), written to Node's response as its guide for Node does.
import { createServer } from 'node:http';
import { createOpenAI } from '@ai-sdk/openai';
import { streamText } from 'ai';

const openai = createOpenAI({ apiKey: 'none', baseURL: process.env.OPENAI_BASE_URL });

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
  const [prompt] = JSON.parse(await readBody(request));
  const answer = streamText({ model: openai.chat('gpt-5.4-mini'), prompt }).toUIMessageStreamResponse();
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  for await (const bytes of answer.body) response.write(bytes);
  response.end();
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
