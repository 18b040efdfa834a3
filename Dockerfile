FROM node:22-bookworm AS build
WORKDIR /worktrail
COPY . .
RUN npm ci --no-audit --no-fund && npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:22-bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*
WORKDIR /worktrail
COPY --from=build /worktrail/package.json ./
COPY --from=build /worktrail/node_modules ./node_modules
COPY --from=build /worktrail/dist ./dist
COPY --from=build /worktrail/drizzle ./drizzle
WORKDIR /project
CMD ["node", "/worktrail/dist/cli.js", "serve", "--http", "--project", "/project"]
