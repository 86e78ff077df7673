#!/bin/sh
# When the database is made: Loa's role owns it and may nothing else; nobody signs in as its superuser from another container.
# The password is that of the file, which the image has read as root: this runs as `postgres`.
psql -v ON_ERROR_STOP=1 -v password="$POSTGRES_PASSWORD" -U postgres -d loa <<'SQL'
CREATE ROLE loa LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
ALTER DATABASE loa OWNER TO loa;
ALTER ROLE postgres PASSWORD NULL;
SQL
