/** The program `worktrail`. Commands load what they need when they run, so that every start is quick. */
import './console-to-stderr.ts';
import { runCommandLine } from './program.ts';

// Not awaited: the bundle is CommonJS, which knows no top-level await.
void runCommandLine(process.argv.slice(2));
