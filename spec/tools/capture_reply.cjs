'use strict';
// Encodes values with React's own browser client and prints the body or the parts.
// usage: NODE_ENV=production node capture_reply.cjs <react folder> <in.json> <out.json>
//   in.json: {"cases": [{"name", "js", "temporary_references"}]}; js is evaluated with `h` in scope.
const fs = require('fs');
const { open } = require('./rows.cjs');
const react = open(process.argv[2]);
const client = react.req('react-server-dom-webpack/client.browser');
const { jsx, jsxs } = react.req('react/jsx-runtime');
process.on('unhandledRejection', () => {});
console.error = () => {};

const BOUND = '1:{"id":"actions#go","bound":"$@2"}\n0:"$h1"\n2:[1,{"a":2}]\n';
let captured;
async function receive(rows) {
  const body = new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode(rows)); c.close(); } });
  return client.createFromReadableStream(body, { callServer: async (id, args) => { captured = { id, args }; } });
}
const h = {
  jsx, jsxs,
  serverRef: (id) => client.createServerReference(id, async () => {}),
  boundRef: async (rows = BOUND) => { const found = await receive(rows); return found && found.f ? found.f : found; },
  decode: receive,
  async captureCall(f, args) { await f(...args); return captured.args; },
};

async function encode(c) {
  const js = c.js.trimStart();
  captured = undefined;
  try {
    const value = await eval('(async () => ' + (js.startsWith('{') && js.includes('return') ? js : `(${js})`) + ')()');
    const set = client.createTemporaryReferenceSet();
    const body = await client.encodeReply(value, c.temporary_references ? { temporaryReferences: set } : undefined);
    const found = { ...(captured && { action_id: captured.id }), kind: typeof body === 'string' ? 'string' : 'formdata' };
    if (typeof body === 'string') found.body = body;
    else found.parts = await Promise.all([...body].map(async ([name, part]) => (typeof part === 'string' ? { name, text: part } : { name, filename: part.name, type: part.type, base64: Buffer.from(await part.arrayBuffer()).toString('base64') })));
    if (c.temporary_references) found.temporary_reference_keys = [...set.keys()];
    return found;
  } catch (e) {
    return { kind: 'error', error: String(e && e.message) };
  }
}

(async () => {
  const cases = [];
  for (const c of JSON.parse(fs.readFileSync(process.argv[3], 'utf8')).cases) {
    const { name, python_hint, js, temporary_references } = c;
    cases.push({ name, python_hint, js, temporary_references, ...(await encode(c)) });
  }
  fs.writeFileSync(process.argv[4], JSON.stringify({ react: react.version, cases }));
  process.exit(0);
})();
