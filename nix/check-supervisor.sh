#!/usr/bin/env bash
# Checks a configuration of supervisord against the image that it is for: every program is there and names its user, and
# every variable that is expanded is set. supervisord would not start, or would run a program as root.
# Usage: check-supervisor.sh CONFIGURATION "VARIABLE…" ROOT…
set -euo pipefail
configuration=$1 variables=$2
shift 2

refuse() {
  echo "check-supervisor: $1" >&2
  exit 1
}

for each in $(sed -n '/^[^;#]/p' "$configuration" | grep -o '%(ENV_[A-Za-z0-9_]*)s' | sort -u || true); do
  name=${each#%(ENV_}
  [[ " $variables " == *" ${name%)s} "* ]] || refuse "the image does not set ${name%)s}"
done

program="" command="" user="" count=0
finish() {
  [ -n "$program" ] || return 0
  [ -n "$command" ] || refuse "the program $program has no command"
  [ -n "$user" ] || refuse "the program $program names no user"
  for root in "$@"; do [ ! -x "$root$command" ] || return 0; done
  refuse "the image has no $command"
}
while IFS= read -r line || [ -n "$line" ]; do
  case $line in
  "["*)
    finish "$@"
    program="" command="" user=""
    if [[ $line == "[program:"*"]" ]]; then
      program=${line#"[program:"}
      program=${program%"]"}
      count=$((count + 1))
    fi
    ;;
  command=*)
    command=${line#command=}
    command=${command%% *}
    ;;
  user=*) user=${line#user=} ;;
  esac
done <"$configuration"
finish "$@"
[ "$count" -gt 0 ] || refuse "$configuration has no program"
