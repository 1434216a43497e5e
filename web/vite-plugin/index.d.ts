import type { PluginOption } from 'vite';

export interface FlightwireOptions {
  /** The folder with the Python files, relative to the project or absolute. */
  app: string;
  /**
   * Where that app is served, its prefix included: `http://localhost:8000/ai`, or `/ai` on the origin of the page.
   *
   * In development Vite passes calls on to it. Builds call it directly; the variable `VITE_FLIGHTWIRE_SERVER` replaces it.
   */
  server?: string;
}

/** Lets a Vite project import Python actions as if they were TypeScript: `plugins: [react(), flightwire({ app, server })]`. */
export function flightwire(options: FlightwireOptions): PluginOption[];
export default flightwire;
