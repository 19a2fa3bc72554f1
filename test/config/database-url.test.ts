import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { isLocal, parseDatabaseUrl, redactedAddress, urlOfDatabase } from "../../src/config/database-url/parse.ts";
import { ConfigError } from "../../src/config/errors.ts";
import { driverOptions } from "../../src/database/endpoint.ts";

function faults(url: string, env: Record<string, string> = {}): string {
  try {
    loadConfig({ DATABASE_URL: url, ...env });
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.join("\n");
    throw error;
  }
  return "";
}

describe("the URL of a database", () => {
  it.each([
    ["postgresql://u@[::1]:5433/base", { host: "::1", port: 5433, user: "u", database: "base" }],
    ["postgres://u@[fe80::1%25eth0]/base", { host: "fe80::1%eth0", port: 5432 }],
    ["postgres://u%40x:p%20%2F%23%C3%BC@h/my%20base%2F1", { user: "u@x", password: "p /#ü", database: "my base/1" }],
    ["postgres://u:p?q#r@h/d", { password: "p?q#r", host: "h" }],
    ["postgres://mira@h", { user: "mira", database: "mira" }],
    ["postgres://mira@h:/", { port: 5432, database: "mira" }],
    ["postgresql:///base?host=/run/postgresql&user=x", { socket: "/run/postgresql/.s.PGSQL.5432", user: "x" }],
    ["postgres://localhost/base?host=/run&port=5433", { socket: "/run/.s.PGSQL.5433", database: "base" }],
    ["postgres://u@%2Frun:5433/base", { socket: "/run/.s.PGSQL.5433" }],
    ["postgres://u@h/d?user=v&password=w&dbname=e&hostaddr=::1", { user: "v", password: "w", database: "e" }],
    ["postgres://u@h/d?application_name=a+b&connect_timeout=7", { applicationName: "a+b", connectTimeout: 7 }],
    ["POSTGRES://u@h/d\n", { host: "h", database: "d" }],
  ])("the database URL %s is read as libpq reads it", (url, parts) => {
    expect(parseDatabaseUrl(url)).toMatchObject(parts);
  });

  it("a database URL without a user uses the login name, and one without a host uses a Unix socket of this machine", () => {
    const { user, database, socket } = parseDatabaseUrl("postgres://");
    expect({ user, database }).toEqual({ user: expect.stringMatching(/./), database: user });
    expect(socket).toMatch(/^\/(tmp|var\/run\/postgresql)\/\.s\.PGSQL\.5432$/);
  });

  it.each([
    ["Neon", "postgresql://o:p@ep-x.eu-central-1.aws.neon.tech/db?sslmode=require&channel_binding=require", "require"],
    ["Neon without SNI", "postgres://o:p@ep-x.neon.tech/db?options=endpoint%3Dep-x&sslmode=require", "require"],
    ["Heroku", "postgres://u:p@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1?sslmode=require", "require"],
    ["Render", "postgresql://u:p@dpg-x-a.frankfurt-postgres.render.com/game", "disable"],
    ["Railway", "postgresql://postgres:p@monorail.proxy.rlwy.net:12345/railway", "disable"],
    ["Supabase", "postgresql://postgres.ref:p@aws-0-eu.pooler.supabase.com:6543/postgres?pgbouncer=true", "disable"],
    ["Vercel", "postgres://u:p@x.supabase.com:6543/postgres?sslmode=require&supa=base-pooler.x", "require"],
    [
      "RDS",
      "postgres://u:p@db.x.eu-west-1.rds.amazonaws.com/g?sslmode=verify-full&sslrootcert=/rds.pem",
      "verify-full",
    ],
    ["Azure", "postgres://admin%40server:p@server.postgres.database.azure.com/g?sslmode=require", "require"],
    ["Cloud SQL", "postgresql://u:p@/g?host=/cloudsql/project:region:instance", "disable"],
    ["Aiven", "postgres://avnadmin:p@pg-x.aivencloud.com:20000/defaultdb?sslmode=require", "require"],
    [
      "Cockroach",
      "postgresql://u:p@x.cockroachlabs.cloud:26257/g?sslmode=verify-full&sslrootcert=/c.crt",
      "verify-full",
    ],
    ["Yugabyte", "postgresql://u:p@x.ybdb.io:5433/y?sslmode=verify-full&sslrootcert=/r.crt&ssl=true", "verify-full"],
    ["Prisma", "postgresql://u:p@h:5432/g?schema=public&connection_limit=5&pool_timeout=10", "disable"],
    [
      "a full libpq configuration",
      "postgres://u@h/g?keepalives=1&keepalives_idle=30&gssencmode=prefer&sslmode=require",
      "require",
    ],
  ])("the database URL that %s provides is accepted unchanged", (_, url, ssl) => {
    expect(loadConfig({ DATABASE_URL: url }).database).toMatchObject({ url, ssl });
  });

  it.each([
    ["max_pipeline=0", /has max_pipeline, which the service does not know: leave it out/],
    ["statement_timeout=1", /has statement_timeout: set STATEMENT_TIMEOUT_MS/],
    ["search_path=game", /has search_path, .*options=-c%20NAME%3DVALUE/],
    ["max_pipeline=0&prepare=false", /max_pipeline.*\n.*prepare/],
    ["__proto__=1", /has __proto__/],
    ["schema=game", /schema .*public/],
    ["sslmode=prefer", /sslmode .*falls back/],
    ["sslmode=VERIFY-FULL", /sslmode other than/],
    ["sslmode=require&sslmode=disable", /has sslmode twice/],
    ["ssl=no-verify", /ssl other than true: write sslmode/],
    ["sslrootcert=/ca.pem", /without an sslmode/],
    ["sslrootcert=system&sslmode=require", /verify-full/],
    ["sslcert=/c.pem&sslmode=require", /sslcert and sslkey/],
    ["sslcrl=/c.pem&sslmode=require", /sslcrl/],
    ["channel_binding=require", /add sslmode/],
    ["channel_binding=hunter2", /channel_binding other than/],
    ["require_auth=scram-sha-256", /has require_auth: /],
    ["gssencmode=require", /gssencmode .*GSSAPI/],
    ["krbsrvname=postgres", /GSSAPI/],
    ["passfile=/x", /has passfile: .*password into the URL/],
    ["service=game", /has service: /],
    ["target_session_attrs=prefer-standby", /primary/],
    ["client_encoding=LATIN1", /UTF-8/],
    ["replication=database", /replication/],
    ["hostaddr=db.example", /hostaddr/],
    ["host=a,b", /several hosts .*one endpoint/],
    ["port=1,2", /several hosts or ports/],
    [`host=/${"x".repeat(100)}`, /longer than 92 bytes/],
    ["port=0", /port .*1 to 65535/],
    ["connect_timeout=soon", /connect_timeout .*seconds/],
  ])("a database URL with %s is refused, with the parameter's name and the remedy", (query, fault) => {
    expect(faults(`postgres://u:hunter2@h/d?${query}`)).toMatch(fault);
    expect(faults(`postgres://u:hunter2@h/d?${query}`)).toMatch(/^DATABASE_URL (?!.*hunter2)/);
  });

  it.each([
    ["postgres://u@a,b/d", /one endpoint/],
    ["postgres://u@a:1,b:2/d", /one endpoint/],
    ["postgres://u@::1:5432/d", /brackets/],
    ["postgres://u@[::1/d", /must be a URL/],
    ["postgres://u@h/d\tx", /control character/],
    ["postgres://u@h/d%00", /must be a URL/],
    ["postgres://u@h/d%ff", /must be a URL/],
    ["jdbc:postgresql://h/d?user=u", /JDBC/],
    ["host=h dbname=d user=u", /keyword\/value form: write it as a URL/],
    ["psql 'postgresql://h/d'", /the word psql/],
    ['"postgres://h/d"', /quotes/],
    ["postgresql+psycopg2://h/d", /postgresql:\/\/ without/],
    ["mysql://h/d", /must be a URL such as postgres/],
  ])("the database URL %j is refused with the remedy", (url, fault) => {
    expect(faults(url)).toMatch(fault);
  });

  it("pgbouncer=true in a database URL means DATABASE_POOLER=transaction, unless that variable is set", () => {
    const url = "postgres://u@h/d?pgbouncer=true";
    expect(loadConfig({ DATABASE_URL: url }).database.pooler).toBe("transaction");
    expect(loadConfig({ DATABASE_URL: url, DATABASE_POOLER: "none" }).database.pooler).toBe("none");
    expect(loadConfig({ DATABASE_URL: "postgres://u@h/d?pgbouncer=false" }).database.pooler).toBe("none");
  });

  it("the stricter of a database URL and DATABASE_SSL applies, and a laxer DATABASE_SSL is refused", () => {
    const url = "postgres://u@h/d?sslmode=require";
    expect(loadConfig({ DATABASE_URL: url, DATABASE_SSL: "verify-full" }).database.ssl).toBe("verify-full");
    expect(faults(`${url}&sslrootcert=/a.pem`, { DATABASE_CA_FILE: "/b.pem" })).toMatch(
      /DATABASE_CA_FILE and the sslrootcert/,
    );
    expect(faults(url, { DATABASE_SSL: "disable" })).toMatch(/DATABASE_SSL is laxer than the sslmode/);
    expect(loadConfig({ DATABASE_URL: "postgres://u@h/d?sslmode=disable", DATABASE_SSL: "require" }).database.ssl).toBe(
      "require",
    );
    expect(loadConfig({ DATABASE_URL: `${url}&sslrootcert=/ca.pem` }).database.ssl).toBe("verify-ca");
    expect(loadConfig({ DATABASE_URL: "postgres:///d?host=/run", DATABASE_SSL: "require" }).database.ssl).toBe(
      "require",
    );
    expect(driverOptions({ url: "postgres:///d?host=/run&user=u", ssl: "require" }).ssl).toBe(false);
  });

  it("a database URL reaches the driver as explicit options, without values from the environment", () => {
    process.env["PGPASSWORD"] = "hunter2";
    try {
      const options = driverOptions({ url: "postgres://u@[::1]:5433/d%20b?options=-c%20a%3Db&keepalives=0" });
      expect(options).toMatchObject({
        host: ["::1"],
        port: [5433],
        user: "u",
        database: "d b",
        ssl: false,
        keep_alive: 0,
        connection: { options: "-c a=b" },
      });
      expect(options.password()).toBe("");
    } finally {
      delete process.env["PGPASSWORD"];
    }
  });

  it("a database URL is displayed without user and password, and can be changed to another database of its server", () => {
    expect(redactedAddress("postgres://u:hunter2@[::1]/d")).toEqual({ host: "[::1]:5432", database: "d" });
    expect(redactedAddress("postgres:///d?host=/run&password=hunter2")).toEqual({
      host: "/run/.s.PGSQL.5432",
      database: "d",
    });
    for (const url of ["postgres://u:p%20?@h/d?dbname=e&options=-c%20a%3Db", "postgresql:///d?host=/run&user=u"]) {
      const { database: _, ...rest } = parseDatabaseUrl(url);
      expect(parseDatabaseUrl(urlOfDatabase(url, "my base"))).toEqual({ ...rest, database: "my base" });
    }
  });

  it("a database URL of this machine is recognized, and needs no TLS in production", () => {
    for (const url of ["postgres://u@[::1]/d", "postgres://u@127.0.0.2/d", "postgres:///d?host=/run&user=u"])
      expect(isLocal(url)).toBe(true);
    expect(isLocal("postgres://u@localhost/d?hostaddr=10.0.0.1")).toBe(false);
  });
});
