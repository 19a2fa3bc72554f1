drop trigger users_create_user_security on users;
--> statement-breakpoint
drop function create_user_security();
--> statement-breakpoint
drop table user_security;
