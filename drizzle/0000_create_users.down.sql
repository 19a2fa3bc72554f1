drop table users;
--> statement-breakpoint
drop function set_updated_at();
--> statement-breakpoint
drop function keep_an_administrator();
--> statement-breakpoint
drop function unverify_email();
--> statement-breakpoint
drop function json_numbers_exact(jsonb);
