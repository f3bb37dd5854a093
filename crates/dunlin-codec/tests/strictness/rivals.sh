#!/bin/sh
# Holds the columns of llhttp and picohttpparser to what these do, or fills them.
#
# Usage: rivals.sh LLHTTP PICOHTTPPARSER [write]
#
# LLHTTP is a folder with llhttp.h and the three C files of a llhttp release (9.4.2), in it or in
# its subfolders; PICOHTTPPARSER one with picohttpparser.c and .h (commit f832609).
set -eu
llhttp=$1 pico=$2
here=$(cd "$(dirname "$0")" && pwd)
program=$(mktemp)
trap 'rm -f "$program"' EXIT
header=$(find "$llhttp" -name llhttp.h | head -n 1)
sources=$(find "$llhttp" -name llhttp.c -o -name api.c -o -name http.c)
# The names hold no blanks that the shell would split at, unless the folder's does.
${CC:-cc} -O2 -o "$program" -I "$(dirname "$header")" -I "$pico" \
    "$here/rivals.c" $sources "$pico/picohttpparser.c"
export DUNLIN_STRICTNESS_RIVALS="$program"
if [ "${3:-}" = write ]; then export DUNLIN_STRICTNESS_WRITE=1; fi
cargo test -q -p dunlin-codec --test strictness -- --ignored
