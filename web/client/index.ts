// The public face of the browser runtime.
export { ActionError, isActionError } from './errors';
