#!/bin/sh
# One API call from a shell script. The token is taken from the store, fetched or renewed as needed, and never shows in `ps`.
#
#   PAN123_CLIENT_ID=… PAN123_CLIENT_SECRET_FILE=/run/secrets/pan123 ./user_info.sh
set -eu

status=0
reply=$(pan123-token api /api/v1/user/info) || status=$?
case $status in
    0) printf '%s\n' "$reply" ;;
    # The command has said why in one line on stderr. These two may be gone in a while: cron's next run tries again.
    69 | 75) exit 0 ;;
    *) exit "$status" ;;
esac
