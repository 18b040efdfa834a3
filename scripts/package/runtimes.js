// The Node.js versions that the package is tried with: the oldest that it supports of each line, and what is current;
// each with an npm of its time. npm 12 runs no install scripts that nobody approved; the older ones run all.
export const RUNTIMES = [
  { node: '20.19.0', npm: '10.8.2', driver: '12.11.1' },
  { node: '22.14.0', npm: '10.9.2', driver: '13.' },
  { node: '24.21.0', npm: '11.6.2', driver: '13.', runsBundle: true },
  { node: '26.10.0', npm: '12.2.2', driver: '13.' },
];
