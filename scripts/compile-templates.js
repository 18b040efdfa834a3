// Compiles the Handlebars templates: `npm run templates`. A test proves the result fresh.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import Handlebars from 'handlebars';

const folder = path.join(
  path.dirname(path.dirname(fileURLToPath(import.meta.url))),
  'src/storage/status-file',
);

/** The text of `status-template.generated.ts`. */
export function compileStatusTemplate() {
  const compiled = Handlebars.precompile(readFileSync(path.join(folder, 'status.hbs'), 'utf8'), {
    noEscape: true,
    strict: true,
    knownHelpersOnly: true,
    knownHelpers: { md: true, each: true, if: true },
  });
  return `// Generated from status.hbs by \`npm run templates\`; do not edit.\n// @ts-nocheck -- Handlebars writes no types\nexport const statusTemplate = ${compiled};\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(path.join(folder, 'status-template.generated.ts'), compileStatusTemplate());
}
