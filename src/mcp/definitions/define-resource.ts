/**
 * A resource, or a template of many, is one declaration: from it come the lists that clients see, reading, completion,
 * what its subscribers are told of, the contract file and the test of the registry.
 */
import type { Caller, Context } from '../../use-cases/support/context.ts';
import type { Suggestion } from '../../use-cases/records/completion.ts';
import type { TouchedRecords } from '../../use-cases/support/touched-records.ts';
import type { Answer } from '../../storage/contract/store.ts';

export interface Resource {
  /** As `worktrail://status`; a template ends in its one variable, as `worktrail://vendors/{name}`. */
  uri: string;
  name: string;
  title: string;
  description: string;
  mimeType: 'text/markdown' | 'application/json';
  /** @param variable what stands for the template's variable, decoded; empty for a plain resource */
  read(context: Context, variable: string, caller: Caller): Promise<Answer<string>>;
  /** Whether changes may have altered what `read` gives. */
  isTouched(touched: TouchedRecords, variable: string): boolean | Promise<boolean>;
  /** Values for a template's variable; templates have it. */
  suggest?(context: Context, typed: string): Promise<Suggestion[]>;
}

export function defineResource(resource: Resource): Resource {
  return resource;
}

/** The part of a template's URI before its variable; the whole URI of a plain resource. */
export function stemOf({ uri }: Resource): string {
  return uri.replace(/\{.*$/, '');
}

export function isTemplate({ uri }: Resource): boolean {
  return uri.endsWith('}');
}

/** The name of a template's variable. */
export function variableOf({ uri }: Resource): string {
  return uri.slice(uri.indexOf('{') + 1, -1);
}

/** Longer text is cut at a line; what reads a resource pays for it in tokens. */
const TEXT_MAX_CHARACTERS = 24_000;

/** @param rest how to get what was cut */
export function bounded(text: string, rest: string): string {
  if (text.length <= TEXT_MAX_CHARACTERS) return text;
  const end = text.lastIndexOf('\n', TEXT_MAX_CHARACTERS);
  const head = text.slice(0, end > 0 ? end : TEXT_MAX_CHARACTERS).toWellFormed();
  return `${head}\n\n(${text.length - head.length} more characters were cut. ${rest})\n`;
}
