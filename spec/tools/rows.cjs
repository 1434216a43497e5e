'use strict';
// Reads Flight rows with React's own browser client. `open(folder)` loads the React that is installed there.
const path = require('path');
const { canon, errInfo, settle } = require('./canon.cjs');

function shimModules() {
  // Every module has every export: a function that remembers what it stands for.
  const modules = new Map();
  const loads = [];
  globalThis.__webpack_require__ = (id) => {
    if (!modules.has(id)) {
      modules.set(id, new Proxy({}, {
        has: () => true,
        getOwnPropertyDescriptor(t, k) { return { value: this.get(t, k), configurable: true, enumerable: true, writable: true }; },
        get(t, k) {
          if (typeof k === 'symbol' || k === '__esModule' || k === 'then') return undefined;
          return (t[k] ||= Object.assign(function () {}, { __clientref: id + '#' + k }));
        },
      }));
    }
    const found = modules.get(id);
    if (!id.includes('async')) return found;
    if (!modules.has(id + '!promise')) modules.set(id + '!promise', Promise.resolve(found));
    return modules.get(id + '!promise');
  };
  globalThis.__webpack_require__.u = (id) => id;
  globalThis.__webpack_chunk_load__ = (id) => { loads.push(id); return Promise.resolve(); };
  return loads;
}

const describe = {
  async describeFunction(f) {
    if (f.__clientref) return { kind: 'client_reference', id: f.__clientref };
    let got;
    try {
      got = await Promise.race([Promise.resolve(f('__probe__')), new Promise((done) => setTimeout(done, 300))]);
    } catch (e) {
      return { kind: 'function', error: String(e) };
    }
    return got && got.__serverref ? { kind: 'server_reference', id: got.id, args: got.args } : { kind: 'function' };
  },
};

function open(folder) {
  const req = require('module').createRequire(path.resolve(folder) + '/x.js');
  const loads = shimModules();
  // react-dom needs no DOM here; what it would do about a hint is recorded.
  const hints = [];
  const dispatcher = req('react-dom').__DOM_INTERNALS_DO_NOT_USE_OR_WARN_USERS_THEY_CANNOT_UPGRADE.d;
  for (const code of ['D', 'C', 'L', 'm', 'X', 'S', 'M']) dispatcher[code] = (...args) => hints.push([code, ...args]);
  const client = req('react-server-dom-webpack/client.browser');

  function receive(chunks) {
    const body = new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    });
    return client.createFromReadableStream(body, {
      callServer: async (id, args) => ({ __serverref: true, id, args }),
      temporaryReferences: new Map([['$0:0:fn', 'TEMPREF']]),
      replayConsoleLogs: false,
    });
  }

  async function decode(chunks) {
    hints.length = 0;
    loads.length = 0;
    try {
      const root = await settle(receive(chunks));
      let value;
      if (root.state === 'err') value = { $rejected: errInfo(root.e) };
      else if (root.state === 'pending') value = { $pending: true };
      else value = await canon(root.v, describe);
      return { value, hints: hints.slice(), loads: loads.slice() };
    } catch (e) {
      return { value: { $harness_error: String((e && e.message) || e) }, hints: [], loads: [] };
    }
  }
  return { decode, receive, req, version: req('react/package.json').version };
}

const whole = (bytes) => [bytes];
const byteByByte = (bytes) => Array.from(bytes, (byte) => new Uint8Array([byte]));

module.exports = { open, whole, byteByByte };
