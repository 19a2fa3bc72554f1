import { Counter, collectDefaultMetrics, Gauge, type Registry } from "prom-client";
import type { Readiness } from "../migrator/index.ts";
import type { Services } from "../routers/index.ts";

/** Adds the metrics of the process, of its database and of the audit trail to a registry. They are read when it is. */
export function addServiceMetrics(
  registry: Registry,
  services: Pick<Services, "authentications" | "database" | "readiness" | "tails" | "version">,
): void {
  const { authentications, database, tails, version } = services;
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  /** A counter that something else keeps. */
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });

  new Gauge({ name: "aeturnis_info", help: "The version of the service.", labelNames: ["version"], registers }).set(
    { version },
    1,
  );
  counter("aeturnis_queries_total", "Statements that were sent to PostgreSQL.", () => database.report().queries);
  counter(
    "aeturnis_slow_queries_total",
    "Statements that took SLOW_QUERY_MS or more, with the wait for a connection.",
    () => database.report().slowQueries,
  );
  const pool = () => database.pool();
  gauge("aeturnis_pool_size", "Connections that the pool may open (DATABASE_POOL_MAX).", () => pool().size);
  gauge("aeturnis_pool_busy", "Connections with a statement or transaction.", () => pool().busy);
  gauge("aeturnis_pool_waiting", "Statements and transactions that wait for a connection.", () => pool().waiting);
  new Counter({
    name: "aeturnis_authentication_events_total",
    help: "Events of authentication, by their name.",
    labelNames: ["event"],
    registers,
    collect() {
      this.reset();
      for (const [event, count] of Object.entries(authentications.counts())) this.inc({ event }, count);
    },
  });
  gauge("aeturnis_audit_tails", "Open tails of the audit trail.", () => tails.count);
  addReadiness(registry, services);
}

/** The gauges of a check of the database, of which one serves all of them. */
function addReadiness(registry: Registry, { readiness }: Pick<Services, "readiness">): void {
  let running: Promise<Readiness> | undefined;
  const check = () => {
    running ??= readiness().finally(() => {
      running = undefined;
    });
    return running;
  };
  const gauge = (name: string, help: string, read: (readiness: Readiness) => number | undefined) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        // Nobody knows it while the database is away.
        this.set(read(await check()) ?? Number.NaN);
      },
    });
  gauge("aeturnis_ready", "1 if /readyz answers 200.", ({ ready }) => Number(ready));
  gauge(
    "aeturnis_audit_problems",
    "Problems of the audit trail, which /readyz names.",
    ({ database: isReached, audit = [] }) => (isReached ? audit.length : undefined),
  );
  gauge(
    "aeturnis_audit_months_ahead",
    "Months of the audit trail after the current one that have a partition.",
    ({ auditRunway }) => auditRunway?.monthsAhead,
  );
  gauge(
    "aeturnis_audit_rows_beyond",
    "1 if rows of the audit trail are dated after its months.",
    ({ auditRunway }) => auditRunway && Number(auditRunway.hasRowsBeyond),
  );
}
