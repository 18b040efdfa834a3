/** `.project_status.md` in dialect A (CONTRACT §5), from plain data by Handlebars; the same data, the same bytes. */
import Handlebars from 'handlebars';

/** Markdown that a reader would take for formatting is escaped; a lone `_` inside a word is not formatting. */
function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*[\]<>]/g, '\\$&');
}

const TEMPLATE = `# Project Status - {{time}}

## Operational Vendors ({{operational}}/{{vendors_total}})
{{#each vendors}}
- **{{md name}}**: {{status}} ({{passing}}/{{total}} tests, {{skipped}} skipped) [{{formats}}] v{{md extractor_version}} {{{mark}}}
{{/each}}

## Active Work Items ({{items_total}})
{{#each items}}
{{indent}}### {{md title}} ({{item_type}}) {{{mark}}}
{{indent}}- **Status**: {{status}}
{{indent}}- **Created**: {{created}}
{{#if branch_name}}
{{indent}}- **Branch**: {{md branch_name}}
{{/if}}
{{#if parent_title}}
{{indent}}- **Parent**: {{md parent_title}}
{{/if}}
{{/each}}
{{#if items_left}}

*{{items_left}} more active items are not listed here: \`worktrail list --status active\` shows them.*
{{/if}}

## Recent Deployments (Last {{deployments_max}})
{{#each deployments}}
### {{deployed}} - PR #{{pr_number}} {{{mark}}}
- **Title**: {{md pr_title}}
- **Commit**: \`{{commit_hash}}\`
- **Tests**: {{md tests}}
- **Constitutional Compliance**: {{compliance}}
{{#if vendors}}
- **Vendors**: {{md vendors}}
{{/if}}
{{/each}}

## Future Enhancements (0)

---
*Generated at {{time}}*
`;

/** An instance of our own: no helpers but ours, and none that prints. */
const handlebars = Handlebars.create();
handlebars.unregisterHelper('log');
handlebars.registerHelper('md', (value: unknown) => escapeMarkdown(String(value)));
const render = handlebars.compile(TEMPLATE, {
  noEscape: true,
  strict: true,
  knownHelpersOnly: true,
  knownHelpers: { md: true, each: true, if: true },
});

/** @param view plain data with every name that the template uses */
export function renderStatus(view: Record<string, unknown>): string {
  return render(view);
}
