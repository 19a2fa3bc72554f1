drop table users;
--> statement-breakpoint
drop function set_updated_at();
