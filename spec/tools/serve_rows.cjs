'use strict';
// Stays up and answers one question per line, so that a test suite starts Node once per React.
// usage: NODE_ENV=production node serve_rows.cjs <folder with react, react-dom, react-server-dom-webpack>
//   in:  {"do": "decode", "rows": base64}           → {"value", "bytewise", "hints", "loads", "errors"}
//        {"do": "render", "rows": base64}           → {"html", "errors"}: the root rendered as a node
//        {"do": "read", "rows": base64, "path": []} → {"yields", "error"?}: what readStreamableValue of @ai-sdk/rsc sees;
//                                                      with "brief": only the length of each text
//        {"do": "encode", "js": source}             → {"body"} or {"parts"} or {"error"}: encodeReply of the value
// errors: what React said on the console meanwhile.
const path = require('path'), fs = require('fs'), readline = require('readline');
const { pathToFileURL } = require('url');
const { open, whole, byteByByte } = require('./rows.cjs');
const { canon, errInfo } = require('./canon.cjs');

const MAX_BYTEWISE = 20000;
const react = open(process.argv[2]);
const said = [];
console.error = console.warn = (...args) => said.push(args.map(String).join(' ').slice(0, 400));
process.on('unhandledRejection', () => {});
process.on('uncaughtException', (e) => said.push('uncaught ' + String(e && e.message)));

async function decode(bytes) {
  const once = await react.decode(whole(bytes));
  const again = bytes.length <= MAX_BYTEWISE ? await react.decode(byteByByte(bytes)) : once;
  return { value: once.value, bytewise: again.value, hints: once.hints, loads: once.loads };
}

async function render(bytes) {
  const { createElement, use } = react.req('react');
  const { renderToReadableStream } = react.req('react-dom/server.browser');
  const root = react.receive(whole(bytes));
  const stream = await renderToReadableStream(createElement(() => use(root)), { onError: (e) => said.push(String(e && e.message)) });
  await stream.allReady;
  return { html: await new Response(stream).text() };
}

function aiSdk() {
  for (let folder = path.resolve(process.argv[2]); ; folder = path.dirname(folder)) {
    const file = path.join(folder, 'node_modules/@ai-sdk/rsc/dist/rsc-client.js');
    if (fs.existsSync(file)) return import(pathToFileURL(file));
    if (folder === path.dirname(folder)) throw new Error('@ai-sdk/rsc is not installed');
  }
}

async function read(bytes, steps, brief) {
  const { readStreamableValue } = await aiSdk();
  let value = await react.receive(whole(bytes));
  for (const step of steps) value = value[step];
  const yields = [];
  try {
    for await (const item of readStreamableValue(value)) yields.push(brief ? item.length : await canon(item));
  } catch (e) {
    return { yields, error: await canon(e) };
  }
  return { yields };
}

async function encode(source) {
  const { encodeReply, createTemporaryReferenceSet } = react.req('react-server-dom-webpack/client.browser');
  try {
    const value = await eval(`(async () => (${source}))()`);
    const body = await encodeReply(value, { temporaryReferences: createTemporaryReferenceSet() });
    if (typeof body === 'string') return { body };
    const parts = [];
    for (const [name, part] of body) {
      if (typeof part === 'string') parts.push({ name, text: part });
      else parts.push({ name, filename: part.name, type: part.type, base64: Buffer.from(await part.arrayBuffer()).toString('base64') });
    }
    return { parts };
  } catch (e) {
    return { error: String(e && e.message) };
  }
}

const answers = { decode: (q, bytes) => decode(bytes), render: (q, bytes) => render(bytes), read: (q, bytes) => read(bytes, q.path || [], q.brief), encode: (q) => encode(q.js) };

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const question = JSON.parse(line);
    said.length = 0;
    let answer;
    try {
      answer = await answers[question.do](question, new Uint8Array(Buffer.from(question.rows || '', 'base64')));
    } catch (e) {
      answer = { failed: errInfo(e) };
    }
    process.stdout.write(JSON.stringify({ ...answer, errors: said.slice() }) + '\n');
  }
  process.exit(0); // rendering leaves a message channel open
})();
