// A page of somebody's own project, without a shell of ours.
// Owns: telling the runtime what the shell would have told it. Refuses to know: rendering; the page has its own root.

import { type Config, setConfig } from './config';
import { type Importers, registerModule, registerModules } from './registry';
import * as streamed from './streamed';

/** Says where calls go and which client components Python may name; stubs of Python files do it before anything is called. */
export function startProject(config: Config, modules: Importers): void {
  setConfig(config);
  registerModule('@flightwire/client/streamed', streamed);
  registerModules(modules);
}
