#!/bin/sh
# Run once, by the image, on an empty volume: the application's role and its database. An ordinary
# role, for a superuser is above row-level security, and `shelter serve` refuses to run as one.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$SHELTER_DATABASE_PASSWORD" \
    --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
CREATE ROLE shelter LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'password';
CREATE DATABASE shelter OWNER shelter;
SQL
