/**
 * Imported before everything else: whatever a library prints goes to stderr. Standard output belongs to the
 * protocol while serving, and to `output.ts` in every other command.
 */
import { Console } from 'node:console';

globalThis.console = new Console(process.stderr, process.stderr);
