// The baseline of `users.byId`: the same query, written by hand on node:http and postgres.js.
import { createServer } from "node:http";
import postgres from "postgres";

const sql = postgres(process.env.DATABASE_URL, { max: 10, fetch_types: false });

createServer(async (request, response) => {
  const id = new URL(request.url, "http://localhost").searchParams.get("id");
  const [user] = await sql`
    select id, email, username, email_verified, status, role, metadata, created_at, updated_at, last_login
    from users where id = ${id} and deleted_at is null limit 1`;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(user));
}).listen(Number(process.env.PORT), "127.0.0.1", () => console.log("listening"));
