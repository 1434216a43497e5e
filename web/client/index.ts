// The public face of the browser runtime.
export { ended, stop } from './calls';
export type { ConnectionState } from './connection';
export {
  ActionError,
  type ActionErrorKind,
  type ActionFailure,
  describeError,
  isAbortError,
  isActionError,
} from './errors';
export { type CallEnding, type CallEvent, type FlightRow, observeCalls } from './inspect';
export { type CallOptions, type Configuration, configure, withOptions } from './options';
