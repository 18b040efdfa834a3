// What a model finds in an answer, in whichever form its client shows it: text, JSON, JSON within JSON, or both.

export interface SeenRecord {
  id: string;
  version: number;
}

/** As `{"id":"3f2a9c1b","version":2`; the quotes may be escaped. */
const IN_JSON = /\\*"id\\*":\s*\\*"([0-9a-f]{8})[0-9a-f-]*\\*",\s*\\*"version\\*":\s*(\d+)/;
/** As `3f2a9c1b v2`. */
const IN_TEXT = /\b([0-9a-f]{8})(?:-[0-9a-f-]{27})? v(\d+)\b/;

/** The first record that an answer tells with its version. @throws where there is none */
export function recordIn(shown: string): SeenRecord {
  const [, id, version] = IN_JSON.exec(shown) ?? IN_TEXT.exec(shown) ?? [];
  if (id === undefined) throw new Error(`no id with its version was seen in: ${beginning(shown)}`);
  return { id, version: Number(version) };
}

/** A number by its name, as `"current_version":3` or `claim_token 1`. @throws where there is none */
export function numberIn(shown: string, name: string): number {
  const [, value] = new RegExp(`${name}\\\\*"?:?\\s*(\\d+)`).exec(shown) ?? [];
  if (value === undefined) throw new Error(`no ${name} was seen in: ${beginning(shown)}`);
  return Number(value);
}

/** Both forms, or which one. */
export function formOf(brief: string): string {
  const isText = /\bItems: \d+/.test(brief);
  const isStructured = /\\*"counts\\*":/.test(brief);
  if (isText && isStructured) return 'both';
  if (isText) return 'text';
  return isStructured ? 'structured' : 'neither';
}

/** Without what a client adds of its own. */
export const withoutReminders = (shown: string): string =>
  shown.replaceAll(/<system-reminder>[^]*?<\/system-reminder>/g, '');

const BEGINNING_CHARACTERS = 200;
const beginning = (shown: string): string => shown.slice(0, BEGINNING_CHARACTERS).replaceAll('\n', ' ');
