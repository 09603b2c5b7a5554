-- The user Metabase reads with: the views for dashboards, nothing else. Run as the owner of Svodka's tables, as often as you like:
--   psql "$DATABASE_URL" -v password=… -f reader.sql
\set ON_ERROR_STOP on
SELECT 'CREATE ROLE metabase_reader LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'metabase_reader') \gexec
ALTER ROLE metabase_reader PASSWORD :'password';
ALTER ROLE metabase_reader SET default_transaction_read_only = on;
ALTER ROLE metabase_reader SET statement_timeout = '30s';
REVOKE ALL ON ALL TABLES IN SCHEMA svodka FROM metabase_reader;
SELECT format('GRANT CONNECT ON DATABASE %I TO metabase_reader', current_database()) \gexec
GRANT USAGE ON SCHEMA svodka TO metabase_reader;
GRANT SELECT ON svodka.bot_overview, svodka.bot_funnel_users, svodka.bot_source_users, svodka.bot_sources, svodka.bot_cohorts,
    svodka.crm_overview TO metabase_reader;
