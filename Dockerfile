FROM node:22-bookworm AS build
WORKDIR /worktrail
COPY . .
RUN npm ci --ignore-scripts --no-audit --no-fund && node scripts/build.js && npm pack --ignore-scripts

FROM node:22-bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*
COPY --from=build /worktrail/worktrail-*.tgz /tmp/
RUN npm install --global --no-audit --no-fund /tmp/worktrail-*.tgz && rm /tmp/worktrail-*.tgz
WORKDIR /project
CMD ["worktrail", "serve", "--http", "--project", "/project"]
