#!/bin/sh
# Runs once, when the database is made: the login of the service, which owns nothing.
set -eu
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set=password="$(cat /run/secrets/service_password)" <<'SQL'
create role game_service login password :'password';
SQL
