/**
 * `.project_status.md` in dialect A, from plain data by Handlebars; the same data, the same bytes.
 * The template is `status.hbs`; `npm run templates` compiles it, so that the program carries no compiler.
 */
import Handlebars from 'handlebars/runtime';
import { statusTemplate } from './status-template.generated.ts';

/** Text stays on its line, and what a reader would take for formatting is escaped; a lone `_` inside a word is not formatting. */
function escapeMarkdown(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*[\]<>]/g, '\\$&');
}

/** An instance of our own: no helpers but ours, and none that prints. */
const handlebars = Handlebars.create();
handlebars.unregisterHelper('log');
handlebars.registerHelper('md', (value: unknown) => escapeMarkdown(String(value)));
const render = handlebars.template(statusTemplate);

/** @param view plain data with every name that the template uses */
export function renderStatus(view: Record<string, unknown>): string {
  return render(view);
}
