// What the package says of the code of others in it: their licence texts, and a bill of materials (CycloneDX 1.6).
// Both are the same for the same sources: no time, no random id.

const RULE = '='.repeat(80);

/** @param packages as `bundledPackages` gives them */
export function licencesFile(packages) {
  const parts = packages.map(({ name, version, license, texts, lookedUp, carriedBy }) =>
    [
      RULE,
      `${name} ${version} (${license})`,
      ...(carriedBy === undefined ? [] : [`Carried by ${carriedBy}.`]),
      ...(lookedUp
        ? ['Its package has no licence file; this is the text of the licence that it names.']
        : []),
      '',
      texts.join('\n\n'),
      '',
    ].join('\n'),
  );
  return [
    'Worktrail is under the MIT licence (see LICENSE). Its bundle, dist/program.js, carries the packages below,',
    'each under its own licence.',
    '',
    ...parts,
  ].join('\n');
}

/**
 * @param own package.json of Worktrail
 * @param packages as `bundledPackages` gives them
 * @param lock package-lock.json
 */
export function billOfMaterials(own, packages, lock) {
  const self = reference(own.name, own.version);
  const bundled = packages.map(({ name, version, license }) => component(name, version, license, 'bundled'));
  const beside = Object.entries(own.dependencies).flatMap(([name, range]) =>
    versionsOf(name, range, lock).map((version) =>
      component(name, version, lock.packages[`node_modules/${name}`].license, 'dependency', range),
    ),
  );
  const components = [...bundled, ...beside];
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': self,
        name: own.name,
        version: own.version,
        purl: self,
        licenses: [{ license: { id: own.license } }],
      },
    },
    components,
    dependencies: [{ ref: self, dependsOn: components.map((one) => one['bom-ref']) }],
  };
}

/** Each alternative of a range is one that some Node.js gets; for an open one, the lowest version that it allows. */
function versionsOf(name, range, lock) {
  const locked = lock.packages[`node_modules/${name}`].version;
  if (!range.includes('||')) return [locked];
  return range.split('||').map((alternative) => alternative.trim().replace(/^[\^~]/, ''));
}

function component(name, version, license, how, range) {
  return {
    type: 'library',
    'bom-ref': reference(name, version),
    name,
    version,
    scope: 'required',
    purl: reference(name, version),
    licenses: [{ license: { id: license } }],
    properties: [
      { name: 'worktrail:how', value: how },
      ...(range === undefined ? [] : [{ name: 'worktrail:range', value: range }]),
    ],
  };
}

function reference(name, version) {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}
