#!/usr/bin/env bash
# Creates the login roles of Factline's processes and the database of the schema registry.
# PostgreSQL's image runs this once, when its data folder is empty. For another server, run it once as
# a superuser with the same variables. Migrations create everything else.
set -euo pipefail

psql --set ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv database POSTGRES_DB
\getenv tracker_password FACTLINE_TRACKER_PASSWORD
\getenv projector_password FACTLINE_PROJECTOR_PASSWORD
\getenv reader_password FACTLINE_READER_PASSWORD
\getenv registry_password FACTLINE_REGISTRY_PASSWORD
CREATE ROLE factline_tracker LOGIN PASSWORD :'tracker_password';
CREATE ROLE factline_projector LOGIN PASSWORD :'projector_password';
-- May only select; migrations grant it what it reads.
CREATE ROLE factline_reader LOGIN PASSWORD :'reader_password';
GRANT CREATE ON DATABASE :"database" TO factline_tracker, factline_projector;

CREATE ROLE registry LOGIN PASSWORD :'registry_password';
CREATE DATABASE registry OWNER registry;
SQL
