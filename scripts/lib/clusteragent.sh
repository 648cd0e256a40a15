# shellcheck shell=sh
# Shell functions for a module's scripts. POSIX sh; source it:
#   . "${CLUSTERAGENT_LIB:-/usr/lib/clusteragent/lib}/clusteragent.sh"
# Everything has a bound in seconds. Functions return 0 for yes or done; what they print goes into the userlog.

# One line into the userlog and into the module's log. A message that cannot be delivered (agent busy or gone) never
# fails a script.
ca_info() { ca_print printi "$@"; }
ca_warn() { ca_print printw "$@"; }
ca_error() { ca_print printe "$@"; }
ca_print() {
  ca_level=$1
  shift
  # Standard error reaches the userlog as well, and is not swallowed by a function whose output is taken.
  printf '%s %s: %s\n' "$(date '+%H:%M:%S')" "$ca_level" "$*" >&2
  if [ -x "${SAFE:-}/safekit" ]; then "$SAFE/safekit" "$ca_level" "$*" >/dev/null 2>&1 || :; fi
}

# Says why and ends the script as failed: the agent counts it and takes the node out of service.
ca_die() {
  ca_error "$@"
  exit 1
}

# ca_wait_until SECONDS COMMAND...: runs COMMAND five times a second until it succeeds. 1: it never did.
ca_wait_until() {
  ca_end=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$ca_end" ] || return 1
    sleep 0.2
  done
}

# The number in a pid file; fails when there is none or it holds something else.
ca_pid_in() {
  [ -r "$1" ] || return 1
  ca_number=
  read -r ca_number <"$1" 2>/dev/null || [ -n "$ca_number" ] || return 1
  case $ca_number in
    '' | *[!0-9]* | 0 | 1) return 1 ;;
  esac
  printf '%s\n' "$ca_number"
}

# Alive and no zombie.
ca_is_alive() {
  [ -r "/proc/$1/stat" ] || return 1
  ca_stat=
  read -r ca_stat <"/proc/$1/stat" 2>/dev/null || [ -n "$ca_stat" ] || return 1
  case ${ca_stat##*) } in
    Z* | X*) return 1 ;;
  esac
}
ca_is_gone() { ! ca_is_alive "$1"; }

# ca_is_program PID NAME...: the process's executable (or, for a script, its first arguments) has one of these names. A
# pid file left by a crash may name somebody else's process by now.
ca_is_program() {
  ca_pid=$1
  shift
  ca_is_alive "$ca_pid" || return 1
  ca_exe=$(readlink "/proc/$ca_pid/exe" 2>/dev/null) || ca_exe=
  ca_exe=${ca_exe% (deleted)}
  ca_first=$(tr '\0' '\n' <"/proc/$ca_pid/cmdline" 2>/dev/null | head -n 2)
  for ca_name in "$@"; do
    [ "${ca_exe##*/}" != "$ca_name" ] || return 0
    for ca_argument in $ca_first; do
      [ "${ca_argument##*/}" != "$ca_name" ] || return 0
    done
  done
  return 1
}

# ca_stop_pid PID SECONDS: SIGTERM, then waits for the end. 1: it still runs.
ca_stop_pid() {
  ca_is_alive "$1" || return 0
  kill -TERM "$1" 2>/dev/null || :
  ca_wait_until "$2" ca_is_gone "$1"
}

# ca_kill_pid PID SECONDS: SIGKILL, then waits for the end. 1: it hangs in the kernel.
ca_kill_pid() {
  ca_is_alive "$1" || return 0
  kill -KILL "$1" 2>/dev/null || :
  ca_wait_until "$2" ca_is_gone "$1"
}

# systemd runs this machine (sd_booted(3)).
ca_has_systemd() { [ -d /run/systemd/system ]; }

# While the agent's unit is being stopped, the stop of a service that it is ordered After= waits for that to end, which
# waits for this.
ca_stop_unit() {
  if [ -n "$(systemctl show --property=Job --value "clusteragent@${SAFEMODULE:-}.service" 2>/dev/null)" ]; then
    systemctl --job-mode=ignore-dependencies stop "$1"
  else
    systemctl stop "$1"
  fi
}

# ca_service start|stop|kill|is-active UNIT: through systemd where it runs, else through service(8).
ca_service() {
  if ca_has_systemd; then
    case $1 in
      is-active) systemctl is-active --quiet "$2" ;;
      kill) systemctl kill --signal=KILL "$2" ;;
      stop) ca_stop_unit "$2" ;;
      *) systemctl "$1" "$2" ;;
    esac
  else
    case $1 in
      is-active) service "$2" status >/dev/null 2>&1 ;;
      kill) return 1 ;;
      *) service "$2" "$1" ;;
    esac
  fi
}
