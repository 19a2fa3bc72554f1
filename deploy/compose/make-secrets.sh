#!/bin/sh
# Makes the secrets of compose.yaml in ./secrets, where they are not there yet. Keep them: a lost encryption key loses what it
# encrypts. $1: the name of the log of the audit trail, such as game.example/accounts.
set -eu
origin=${1:?name the log of the audit trail, such as game.example/accounts}
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
cd secrets
# The container's user reads the files.
put() {
  cat >"$1.new"
  if [ -s "$1" ]; then rm "$1.new" && return; fi
  if [ ! -s "$1.new" ]; then echo "$1 was not made: its command printed nothing" >&2 && exit 1; fi
  chmod 444 "$1.new" && mv "$1.new" "$1"
}
command=${AETURNIS_DATA:-docker run --rm aeturnis-data}

openssl rand -hex 24 | put owner_password
openssl rand -hex 24 | put service_password
echo "postgres://game_owner:$(cat owner_password)@database:5432/game" | put owner_url
echo "postgres://game_service:$(cat service_password)@database:5432/game" | put service_url
openssl rand -base64 48 | put jwt_secret
$command keys generate | put encryption_keys
$command audit key new --origin "$origin" | put audit_signing_key
