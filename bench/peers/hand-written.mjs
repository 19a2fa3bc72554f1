// The baseline of the service: the same statements, written by hand on node:http and postgres.js. It neither verifies
// tokens nor validates input.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import postgres from "postgres";

const sql = postgres(process.env.DATABASE_URL, { max: 10 });

const accountColumns =
  "u.id, u.email, u.username, u.email_verified, u.status, u.role, u.metadata, u.created_at, u.updated_at, u.last_login";
const hasSecondFactor = "s.factors && array['totp', 'recovery_code', 'operator']";
const stage = `
  case
    when p.must_change_password then 'password_change'
    when u.role <> 'user' and not ${hasSecondFactor} then 'enrolment'
    else 'full'
  end`;
const isLive = "s.revoked_at is null and s.expires_at > now() and s.idle_expires_at > now()";

const liveSession = `
  select s.id, s.user_id, s.ip_address, s.user_agent, s.expires_at, s.created_at, s.last_active, s.revoked_at,
    s.revocation_reason, s.idle_expires_at, s.authenticated_at, s.factors, s.device_id, s.failures, u.username, u.role,
    ${stage} as stage
  from user_sessions s
  join users u on u.id = s.user_id
  join user_security p on p.user_id = s.user_id
  where s.user_id = $1 and s.id = $2 and ${isLive} and u.status = 'active' and u.deleted_at is null
  limit 1`;

const accountById = `select ${accountColumns} from users u where u.id = $1 and u.deleted_at is null limit 1`;

const admittedAccount = `
  select ${accountColumns}, u.deleted_at is not null as deleted, case when s.id is not null then ${stage} end as stage,
    s.authenticated_at > now() - interval '10 minutes' and (not p.two_factor_enabled or ${hasSecondFactor}) as recent
  from users u
  join user_security p on p.user_id = u.id
  left join user_sessions s on s.user_id = u.id and s.id = $2 and ${isLive}
  where u.id = $1`;

const auditedUpdate = `
  update users u set metadata = $1 where u.id = $2 and u.deleted_at is null
  returning ${accountColumns}, set_config('audit.context', $3, true) as audit_context`;
/** Whom the audit trail records as the author of updates: JSON. */
const auditContext = process.env.AUDIT_CONTEXT;

const routes = {
  "/session": ({ userId, sessionId }) => row(liveSession, [userId, sessionId]),
  "/user": ({ id }) => row(accountById, [id]),
  "/me": async ({ userId, sessionId }) => {
    const { deleted, stage: ofSession, recent: _, ...account } = await row(admittedAccount, [userId, sessionId]);
    return !deleted && account.status === "active" && ofSession === "full" ? account : undefined;
  },
  "/update": async ({ id, metadata }) => {
    const { audit_context: _, ...account } = await row(auditedUpdate, [metadata, id, auditContext]);
    return account;
  },
};

/** The first row of a statement, which stays prepared on each connection. */
const row = async (statement, parameters) => (await sql.unsafe(statement, parameters, { prepare: true }))[0];

createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const input = request.method === "POST" ? JSON.parse(await text(request)) : Object.fromEntries(searchParams);
  const answer = await routes[pathname]?.(input);
  response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
  response.end(JSON.stringify(answer ?? null));
}).listen(Number(process.env.PORT), "127.0.0.1");
