#!/bin/sh
# Run by the PostgreSQL image on an empty volume: a database of Metabase's own, so that it needs no right on Svodka's.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$METABASE_APP_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE metabase LOGIN PASSWORD :'password';
CREATE DATABASE metabase OWNER metabase;
REVOKE CONNECT ON DATABASE svodka FROM PUBLIC;
SQL
