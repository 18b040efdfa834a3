/** Every resource, in the order in which clients see them. */
import { isTemplate, stemOf, type Resource } from './definitions/define-resource.ts';
import { briefResource } from './resources/brief.ts';
import { deploymentsResource } from './resources/deployments.ts';
import { statusResource } from './resources/status.ts';
import { vendorResource } from './resources/vendors.ts';
import { workItemResource } from './resources/work-items.ts';

export const RESOURCES: readonly Resource[] = [
  statusResource,
  briefResource,
  deploymentsResource,
  workItemResource,
  vendorResource,
];

const URI_MAX_CHARACTERS = 2_000;

/** The resource that a URI names, whether or not there is such a record. */
export function resourceAt(
  uri: string,
  resources = RESOURCES,
): { resource: Resource; variable: string } | undefined {
  if (uri.length > URI_MAX_CHARACTERS) return undefined;
  for (const resource of resources) {
    if (!isTemplate(resource)) {
      if (uri === resource.uri) return { resource, variable: '' };
      continue;
    }
    const stem = stemOf(resource);
    const variable = uri.startsWith(stem) ? decoded(uri.slice(stem.length)) : '';
    if (variable.trim() !== '') return { resource, variable };
  }
  return undefined;
}

/** A percent sign that begins no code stands for itself. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
