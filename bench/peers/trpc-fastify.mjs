// The stock tRPC adapter of Fastify with superjson and a prepared Drizzle query: `sessions.check` without authorization.
import { initTRPC } from "@trpc/server";
import { fastifyTRPCPlugin } from "@trpc/server/adapters/fastify";
import { and, eq, getTableColumns, gt, isNull, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import { fastify } from "fastify";
import postgres from "postgres";
import superjson from "superjson";
import { z } from "zod";
import { userSecurity, userSessions, users } from "../../dist/schema/index.js";

const db = drizzle(postgres(process.env.DATABASE_URL, { max: 10 }));

// All columns of a session that the service answers, which are all but those of its refresh tokens.
const { refreshTokenId, previousRefreshTokenId, rotatedAt, replayedAt, ...columns } = getTableColumns(userSessions);

const live = db
  .select({
    ...columns,
    username: users.username,
    role: users.role,
    stage: sql`case
      when ${userSecurity.mustChangePassword} then 'password_change'
      when ${users.role} <> 'user'
        and not ${userSessions.factors} && array['totp', 'recovery_code', 'operator'] then 'enrolment'
      else 'full'
    end`,
  })
  .from(userSessions)
  .innerJoin(users, eq(users.id, userSessions.userId))
  .innerJoin(userSecurity, eq(userSecurity.userId, userSessions.userId))
  .where(
    and(
      eq(userSessions.userId, sql.placeholder("userId")),
      eq(userSessions.id, sql.placeholder("sessionId")),
      isNull(userSessions.revokedAt),
      gt(userSessions.expiresAt, sql`now()`),
      gt(userSessions.idleExpiresAt, sql`now()`),
      eq(users.status, "active"),
      isNull(users.deletedAt),
    ),
  )
  .limit(1)
  .prepare("live");

const t = initTRPC.create({ transformer: superjson });
const router = t.router({
  sessions: t.router({
    check: t.procedure
      .input(z.object({ userId: z.uuid(), sessionId: z.uuid() }))
      .query(async ({ input }) => (await live.execute(input))[0] ?? null),
  }),
});

const server = fastify();
server.register(fastifyTRPCPlugin, { prefix: "/trpc", trpcOptions: { router } });
await server.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
