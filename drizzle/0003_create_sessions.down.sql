drop trigger end_sessions on users;
--> statement-breakpoint
drop function end_sessions();
--> statement-breakpoint
drop function delete_revoked_sessions(interval, integer);
--> statement-breakpoint
drop function delete_expired_sessions(integer);
--> statement-breakpoint
drop table user_sessions;
