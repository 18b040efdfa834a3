/** What names a project. Both become a part of names of files and schemas, so nothing else is taken for one. */
export const SLUG_PATTERN = /^[a-z0-9][a-z0-9_-]{0,47}$/;
const ID_PATTERN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether Worktrail could have given this id and this name. */
export function canBeProject(project_id: unknown, project_slug: unknown): boolean {
  return (
    typeof project_id === 'string' &&
    ID_PATTERN.test(project_id) &&
    typeof project_slug === 'string' &&
    SLUG_PATTERN.test(project_slug)
  );
}
