// @ai-sdk/rsc's server entry re-exports its browser half, which needs the browser's React. A bundler would put a client reference there;
// here that one file gets the React it was written for, and is never called.
export async function resolve(specifier, context, next) {
  if (!context.parentURL?.endsWith('/@ai-sdk/rsc/dist/rsc-shared.js')) return next(specifier, context);
  return next(specifier, { ...context, conditions: context.conditions.filter((name) => name !== 'react-server') });
}
