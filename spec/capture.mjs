// Makes the vectors of spec/flight/ anew with the React that is installed in a folder.
// usage: node spec/capture.mjs <react folder> <out folder>
// The values are the `js` sources of the vectors that are there already: add a case by adding {name, python_hint, js}.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const spec = dirname(fileURLToPath(import.meta.url));
const [folder, out] = process.argv.slice(2).map((path) => resolve(path));
const scratch = mkdtempSync(join(tmpdir(), 'flight-'));
const env = { ...process.env, NODE_ENV: 'production' };
const read = (file) => JSON.parse(readFileSync(file, 'utf8'));

function run(tool, input, { server = false } = {}) {
  const files = ['in.json', 'out.json'].map((name) => join(scratch, name));
  writeFileSync(files[0], JSON.stringify(input));
  execFileSync(process.execPath, [...(server ? ['--conditions=react-server'] : []), join(spec, 'tools', tool), folder, ...files], { env, stdio: 'pipe' });
  return read(files[1]);
}

function captureRows() {
  const before = read(join(spec, 'flight', 'server_rows.json'));
  const made = run('capture_rows.cjs', before, { server: true });
  const decoded = new Map(run('decode_rows.cjs', made).cases.map((c) => [c.name, c]));
  for (const c of made.cases) {
    const { decoded: value, hints, byte_at_a_time: bytewise } = decoded.get(c.name);
    Object.assign(c, { decoded: value }, hints && { hints }, bytewise && { decoded_byte_at_a_time: bytewise });
  }
  return { ...before, ...made };
}

function captureReplies() {
  const before = read(join(spec, 'flight', 'reply.json'));
  const made = run('capture_reply.cjs', before);
  const decoded = new Map(run('decode_reply.cjs', made, { server: true }).cases.map((c) => [c.name, c]));
  for (const c of made.cases) if (decoded.has(c.name)) c.server_decoded = decoded.get(c.name).decoded;
  return { ...before, ...made };
}

function judgeHostile() {
  const before = read(join(spec, 'flight', 'hostile_reply.json'));
  const made = run('decode_reply.cjs', before, { server: true });
  const verdicts = new Map(made.cases.map((c) => [c.name, c.error ? { $rejected: c.error } : c.decoded]));
  return { ...before, cases: before.cases.map((c) => ({ ...c, ['react_' + made.react]: verdicts.get(c.name) })) };
}

try {
  mkdirSync(out, { recursive: true });
  const save = (name, value) => writeFileSync(join(out, name), JSON.stringify(value, null, 1) + '\n');
  save('server_rows.json', captureRows());
  save('reply.json', captureReplies());
  save('hostile_reply.json', judgeHostile());
} finally {
  rmSync(scratch, { recursive: true });
}
