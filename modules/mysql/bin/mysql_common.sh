# shellcheck shell=sh
# What start_prim, stop_prim and prestart share. README.md describes the variables, which <var> elements set.
# shellcheck source=scripts/lib/clusteragent.sh
. "${CLUSTERAGENT_LIB:-/usr/lib/clusteragent/lib}/clusteragent.sh"

MYSQLD_DIRECT=${MYSQLD_DIRECT:-0}
MYSQL_SERVICE=${MYSQL_SERVICE:-}
MYSQL_DEFAULTS_FILE=${MYSQL_DEFAULTS_FILE:-}
MYSQL_ADMIN_DEFAULTS_FILE=${MYSQL_ADMIN_DEFAULTS_FILE:-}
MYSQL_USER=${MYSQL_USER:-mysql}
MYSQL_SOCKET=${MYSQL_SOCKET:-/run/mysqld/mysqld.sock}
MYSQL_PIDFILE=${MYSQL_PIDFILE:-/run/mysqld/mysqld.pid}
MYSQL_START_SECONDS=${MYSQL_START_SECONDS:-240}
MYSQL_STOP_SECONDS=${MYSQL_STOP_SECONDS:-280}

# First of these commands that the machine has.
first_command() {
  for candidate in "$@"; do
    if command -v "$candidate" >/dev/null 2>&1; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

MYSQLD=${MYSQLD:-$(first_command mariadbd mysqld /usr/sbin/mariadbd /usr/sbin/mysqld /usr/libexec/mysqld)} || MYSQLD=
MYSQLADMIN=${MYSQLADMIN:-$(first_command mariadb-admin mysqladmin)} || MYSQLADMIN=

is_direct() { [ "$MYSQLD_DIRECT" = 1 ]; }

# mysqladmin as root through the socket, with the administrator's option file where there is one.
admin() {
  if [ -n "$MYSQL_ADMIN_DEFAULTS_FILE" ]; then
    "$MYSQLADMIN" --defaults-file="$MYSQL_ADMIN_DEFAULTS_FILE" --socket="$MYSQL_SOCKET" --connect-timeout=5 "$@"
  elif is_direct; then
    "$MYSQLADMIN" --no-defaults --socket="$MYSQL_SOCKET" --connect-timeout=5 "$@"
  else
    "$MYSQLADMIN" --connect-timeout=5 "$@"
  fi
}

# A server that refuses our login is up all the same: mysqladmin ping ends with 0 then.
answers() { admin ping >/dev/null 2>&1; }

# The pid of our own server: from the pid file, and only if that process is a database server and, started directly, was
# started with that pid file. Clients, exporters and other instances are never meant.
server_pid() {
  pid=$(ca_pid_in "$MYSQL_PIDFILE") || return 1
  ca_is_program "$pid" mariadbd mysqld "${MYSQLD##*/}" || return 1
  if is_direct; then
    tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF -e "--pid-file=$MYSQL_PIDFILE" || return 1
  fi
  printf '%s\n' "$pid"
}

# The unit or init script that manages the server.
service_name() {
  if [ -n "$MYSQL_SERVICE" ]; then
    printf '%s\n' "$MYSQL_SERVICE"
    return 0
  fi
  for candidate in mariadb mysql mysqld; do
    if ca_has_systemd; then
      [ "$(systemctl show --property=LoadState --value "$candidate.service" 2>/dev/null)" = loaded ] || continue
    else
      [ -x "/etc/init.d/$candidate" ] || continue
    fi
    printf '%s\n' "$candidate"
    return 0
  done
  return 1
}

need_service() {
  service_name || ca_die "no service mariadb, mysql or mysqld on this node; set MYSQL_SERVICE, or MYSQLD_DIRECT=1"
}
