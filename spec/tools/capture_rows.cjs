'use strict';
// Renders values with React's own server and prints the rows.
// usage: NODE_ENV=production node --conditions=react-server capture_rows.cjs <react folder> <in.json> <out.json>
//   in.json: {"cases": [{"name", "js"}]}; js is evaluated with the names below in scope.
const fs = require('fs'), path = require('path');
const { Writable } = require('stream');
const req = require('module').createRequire(path.resolve(process.argv[2]) + '/x.js');

globalThis.__webpack_require__ = () => ({});
globalThis.__webpack_require__.u = (id) => id;
globalThis.__webpack_chunk_load__ = () => Promise.resolve();
const React = req('react'), ReactDOM = req('react-dom'), { jsx, jsxs } = req('react/jsx-runtime');
const Server = req('react-server-dom-webpack/server.node');
const { Suspense, Fragment } = React;
console.error = () => {};

const manifest = {
  'client-mod': { id: './client.js', chunks: [], name: '*' },
  'client-mod-async': { id: './client-async.js', chunks: [], name: '*', async: true },
  'client-mod-chunks': { id: './chunky.js', chunks: ['chunk-1', 'static/chunk-1.js', 'chunk-2', 'static/chunk-2.js'], name: '*' },
};
const reference = (id, isAsync) => Object.defineProperties(function () {}, { $$typeof: { value: Symbol.for('react.client.reference') }, $$id: { value: id }, $$async: { value: !!isAsync } });
const functions = new Map(), clients = new Map();
const once = (table, key, make) => table.get(key) || (table.set(key, make()), table.get(key));
const h = {
  React, ReactDOM, jsx, jsxs,
  defer() { const d = {}; d.promise = new Promise((resolve, reject) => Object.assign(d, { resolve, reject })); d.promise.catch(() => {}); return d; },
  tick: () => new Promise((done) => setTimeout(done, 10)),
  clientRef: (name) => once(clients, name, () => reference('client-mod#' + name)),
  clientRefAsync: (name) => once(clients, 'async#' + name, () => reference('client-mod-async#' + name, true)),
  clientRefChunks: (name) => once(clients, 'chunks#' + name, () => reference('client-mod-chunks#' + name)),
  serverRef(name, ...bound) {
    const f = once(functions, name, () => Server.registerServerReference(async () => {}, 'actions', name));
    return bound.length ? f.bind(null, ...bound) : f;
  },
};

async function render(js) {
  clients.clear();
  functions.clear();
  const options = { onError: (e) => { errors.push(e && e.message); return ''; } };
  const errors = [], writes = [];
  let tempref;
  if (js === 'tempref') {
    options.temporaryReferences = Server.createTemporaryReferenceSet();
    const [{ fn }] = await Server.decodeReply('[{"fn":"$T"}]', {}, { temporaryReferences: options.temporaryReferences });
    tempref = { back: fn };
  }
  const made = eval('(() => ' + (js.trimStart().startsWith('{') ? js : `(${js})`) + ')()');
  const isScript = made && typeof made === 'object' && 'model' in made && 'after' in made;
  const pipe = Server.renderToPipeableStream(isScript ? made.model : made, manifest, options).pipe;
  const sink = new Writable({ write(chunk, _, done) { writes.push(Buffer.from(chunk)); done(); } });
  const ended = new Promise((done) => sink.on('finish', done));
  pipe(sink);
  if (isScript) await made.after();
  await ended;
  const all = Buffer.concat(writes);
  return { rows: all.equals(Buffer.from(all.toString('utf8'))) ? all.toString('utf8') : null, rows_base64: all.toString('base64'), writes_base64: writes.map((w) => w.toString('base64')), on_error: errors };
}

(async () => {
  const cases = [];
  for (const c of JSON.parse(fs.readFileSync(process.argv[3], 'utf8')).cases) cases.push({ name: c.name, python_hint: c.python_hint, js: c.js, ...(await render(c.js)) });
  fs.writeFileSync(process.argv[4], JSON.stringify({ react: req('react/package.json').version, cases }));
  process.exit(0);
})();
