// What the shell loads.
import '@vitejs/plugin-react/preamble'; // Fast Refresh, before any component is evaluated; empty in a build
import { modules } from 'virtual:flightwire/modules';
import { boot } from './boot';
import { startDevelopment } from './dev';
import { registerModule, registerModules } from './registry';
import * as streamed from './streamed';
import * as tree from './tree';

registerModule('@flightwire/client/tree', tree);
registerModule('@flightwire/client/streamed', streamed);
registerModules(modules);
boot(import.meta.env.DEV ? startDevelopment() : {});

if (import.meta.hot) {
  import.meta.hot.accept('virtual:flightwire/modules', next => {
    const more = next as unknown as { modules: typeof modules } | undefined;
    const isSameList = Object.keys(more?.modules ?? {}).join() === Object.keys(modules).join();
    if (!more || isSameList)
      location.reload(); // a module that cannot be replaced in place
    else registerModules(more.modules);
  });
}
