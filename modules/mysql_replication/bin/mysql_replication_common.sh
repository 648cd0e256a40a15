# shellcheck shell=sh
# What prestart and stop_prim share. README.md describes the variables, which <var> elements set.
# shellcheck source=scripts/lib/clusteragent.sh
. "${CLUSTERAGENT_LIB:-/usr/lib/clusteragent/lib}/clusteragent.sh"

MYSQL_START_COMMAND=${MYSQL_START_COMMAND:-systemctl start mariadb}
MYSQL_SOCKET=${MYSQL_SOCKET:-/run/mysqld/mysqld.sock}
MYSQL_DATADIR=${MYSQL_DATADIR:-/var/lib/mysql}
MYSQL_START_SECONDS=${MYSQL_START_SECONDS:-240}
MYSQL_ACCOUNTS=${MYSQL_ACCOUNTS:-/etc/clusteragent/mysql-accounts}

for candidate in mariadb-admin mysqladmin; do
  MYSQLADMIN=$(command -v "$candidate") && break
done
[ -n "$MYSQLADMIN" ] || ca_die "neither mariadb-admin nor mysqladmin is installed here; install the client package"

# A server that refuses our login is up all the same: mysqladmin ping ends with 0 then.
answers() { "$MYSQLADMIN" --no-defaults --socket="$MYSQL_SOCKET" --connect-timeout=5 ping >/dev/null 2>&1; }

# The server runs in every role; what starts it is the service manager, or the administrator's own command.
need_server() {
  answers && return 0
  ca_info "the database server does not answer: $MYSQL_START_COMMAND"
  sh -c "$MYSQL_START_COMMAND" </dev/null ||
    ca_die "the database server is not started by: $MYSQL_START_COMMAND (MYSQL_START_COMMAND); see its error log"
  ca_wait_until "$MYSQL_START_SECONDS" answers ||
    ca_die "the database server does not answer after $MYSQL_START_SECONDS s (MYSQL_START_SECONDS); see its error log"
}
