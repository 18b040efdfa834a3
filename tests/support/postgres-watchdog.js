// Runs beside a test server and outlives the test run that started both. Its standard input is a
// pipe from that run: each line is the process id of the server (0: not running). When the pipe
// ends, because the run stopped the server or because the run was killed, it ends the server if
// it is still there and removes its folder.
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [workspace] = process.argv.slice(2);
let input = '';
for await (const chunk of process.stdin.setEncoding('utf8')) input += chunk;

const pid = Number(input.trim().split('\n').at(-1));
if (pid > 0 && pidInDataDirectory() === pid) {
  signal('SIGQUIT');
  for (let waited = 0; waited < 10_000 && isRunning(); waited += 50) await sleep(50);
  if (isRunning()) signal('SIGKILL');
}
rmSync(workspace, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });

/** The server's own word for it: never signal a process that merely got the same number later. */
function pidInDataDirectory() {
  try {
    return Number(readFileSync(path.join(workspace, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
  } catch {
    return undefined;
  }
}

function isRunning() {
  return pidInDataDirectory() === pid && signal(0);
}

function signal(name) {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}
