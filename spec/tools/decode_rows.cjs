'use strict';
// Decodes Flight rows with React's browser client and prints the canonical value.
// usage: NODE_ENV=production node decode_rows.cjs <folder with react, react-dom, react-server-dom-webpack> <in.json> <out.json>
//   in.json: {"cases": [{"name", "rows_base64", "writes_base64"?}]}
// Every case is decoded in one chunk, one byte at a time, and by recorded write when those are given.
const fs = require('fs');
const { open, whole, byteByByte } = require('./rows.cjs');

process.on('unhandledRejection', () => {});
console.error = () => {};
const bytesOf = (base64) => new Uint8Array(Buffer.from(base64, 'base64'));

(async () => {
  const react = open(process.argv[2]);
  const cases = [];
  let mismatches = 0;
  for (const c of JSON.parse(fs.readFileSync(process.argv[3], 'utf8')).cases) {
    if (!c.rows_base64) continue;
    const all = bytesOf(c.rows_base64);
    const once = await react.decode(whole(all));
    const entry = { name: c.name, decoded: once.value };
    if (once.hints.length) entry.hints = once.hints;
    const others = { byte_at_a_time: all.length <= 6000 ? byteByByte(all) : null, by_write: c.writes_base64 && c.writes_base64.map(bytesOf) };
    for (const [name, chunks] of Object.entries(others)) {
      if (!chunks) continue;
      const again = await react.decode(chunks);
      if (JSON.stringify(again.value) !== JSON.stringify(once.value)) { entry[name] = again.value; mismatches++; }
    }
    cases.push(entry);
  }
  fs.writeFileSync(process.argv[4], JSON.stringify({ react: react.version, cases }, null, 1));
  console.log(process.argv[4], cases.length, 'decoded; mismatches:', mismatches);
  process.exit(0);
})();
