// React's Flight client asks webpack for modules; here there is no webpack.
// Owns: the globals it expects, put in front of its own code, so that they are there before it runs however
// the bundler orders modules. Refuses to know: where modules come from (the registry in @flightwire/client does).

const FLIGHT_CLIENT = /react-server-dom-webpack-client\.browser\.(development|production)\.js$/;

// The development build also asks for a script's address, to show it in the browser's performance track.
// `u` names a chunk's file; Flight wraps it when it is evaluated.
const SHIMS = `(function (scope) {
  if (scope.__webpack_require__) return;
  scope.__webpack_require__ = function (id) { return scope.__flightwire_modules__.get(id); };
  scope.__webpack_require__.u = function (id) { return id; };
  scope.__webpack_get_script_filename__ = function (id) { return id; };
  scope.__webpack_chunk_load__ = function (id) { return scope.__flightwire_modules__.load(id); };
})(globalThis);
`.replaceAll('\n', ' ');

/** @returns {import('rolldown').Plugin} */
export function webpackShims() {
  return {
    name: 'flightwire:webpack-shims',
    transform: {
      filter: { id: FLIGHT_CLIENT },
      handler: code => ({ code: `${SHIMS}${code}`, map: null }),
    },
  };
}
