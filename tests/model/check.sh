#!/bin/bash
# Checks a model exhaustively, and that each protection taken away breaks it.
#   tests/model/check.sh votes.pml VARIANTS
set -euo pipefail
model=$(readlink -f "$1")
variants=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for variant in $(seq 0 "$variants"); do
  spin -a -DVARIANT="$variant" "$model" >spin.log || { cat spin.log; exit 1; }
  gcc -w -O2 -DSAFETY -DCOLLAPSE -DMEMLIM=2000 -o pan pan.c
  rm -f ./*.trail
  ./pan -m400000 >pan.log
  if grep -qE 'max search depth too small|out of memory' pan.log; then
    echo "variant $variant: the search was not exhaustive"
    cat pan.log
    exit 1
  fi
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
  errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log)
  if [ "$variant" -eq 0 ]; then
    echo "$(basename "$model"): $errors errors in $states states"
    [ "$errors" -eq 0 ] || { spin -t -p -DVARIANT=0 "$model" | tail -n 60; exit 1; }
  else
    echo "$(basename "$model"), variant $variant: $errors errors, as it should"
    [ "$errors" -gt 0 ] || { echo "variant $variant is not rejected: the model proves nothing"; exit 1; }
  fi
done
