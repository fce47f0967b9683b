#!/usr/bin/env bash
# Shows nodens at work, offline: ./hack/run.sh [--once]
# Installs and builds what is missing, starts a fixture upstream and dist/nodens on free ports of
# 127.0.0.1, asks a few questions, then waits for Ctrl-C. --once: exit 0 only if all answers were
# right.
cd "$(dirname "$0")/.."
. hack/lib.sh
setup
build_if_changed
exec "$node26" hack/run.ts "$@"
