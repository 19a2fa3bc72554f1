-- What the log of the audit trail needs to be signed and proved: inner nodes of its Merkle tree, and signed checkpoints.

-- A waiting lock request blocks every later one, so lock_timeout is short.
set local lock_timeout = '2s';
--> statement-breakpoint

-- Unqualified names refer to public, independent of the role's search_path.
set local search_path = public;
--> statement-breakpoint

create table audit_tree (
  -- 56 at most.
  -- squawk-ignore prefer-bigint-over-smallint
  level smallint not null,
  index bigint not null,
  hash bytea not null,
  constraint audit_tree_level_check check (level % 8 = 0 and level between 8 and 56),
  constraint audit_tree_index_check check (index >= 0),
  constraint audit_tree_hash_check check (octet_length(hash) = 32),
  constraint audit_tree_pkey primary key (level, index)
);
--> statement-breakpoint
create trigger refuse_change
  before update or delete on audit_tree
  for each row
  execute function refuse_audit_log_change();
--> statement-breakpoint
create trigger refuse_truncate
  before truncate on audit_tree
  for each statement
  execute function refuse_audit_log_change();
--> statement-breakpoint

create table audit_checkpoints (
  origin varchar(255) not null,
  size bigint not null,
  note text not null,
  created_at timestamptz not null default current_timestamp,
  constraint audit_checkpoints_size_check check (size >= 0),
  constraint audit_checkpoints_times_check check (created_at >= timestamptz '0001-01-01 00:00:00+00' and created_at < timestamptz '10000-01-01 00:00:00+00'),
  constraint audit_checkpoints_pkey primary key (size, origin)
);
--> statement-breakpoint
create trigger refuse_change
  before update or delete on audit_checkpoints
  for each row
  execute function refuse_audit_log_change();
--> statement-breakpoint
create trigger refuse_truncate
  before truncate on audit_checkpoints
  for each statement
  execute function refuse_audit_log_change();
--> statement-breakpoint

comment on table audit_tree is 'Inner nodes of the Merkle tree over audit_leaves.';
--> statement-breakpoint
comment on table audit_checkpoints is 'Signed sizes and roots of the log of audit_log.';
