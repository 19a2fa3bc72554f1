import type { Executor } from "../database/index.ts";
import type { RepositoryServices } from "./definition.ts";

/** A repository with statements of its own, on the pool or on the caller's transaction. */
export abstract class TransactionalRepository {
  protected readonly db: Executor;
  protected readonly services: RepositoryServices;

  constructor(services: RepositoryServices) {
    this.services = services;
    this.db = services.db;
  }

  /** The same repository on the caller's transaction. */
  withTransaction(tx: Executor): this {
    const Same = this.constructor as new (services: RepositoryServices) => this;
    return new Same({ ...this.services, db: tx });
  }
}
