import type { SourceItem } from './source-item.ts';

export interface BeadsIssue extends SourceItem {
  line: number;
  row: Record<string, unknown>;
}
