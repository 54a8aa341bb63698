# The `pan123-token` command, which holds the emulator, too. NOT BUILT YET: no test and no release has built an image from
# this file, so take it as a draft.
#
#   docker build -t pan123-token .
#
# A token for a script; the token is kept in the volume (the platform has only 3 for a client ID at once):
#
#   docker run --rm -v pan123:/state -e PAN123_CLIENT_ID -e PAN123_CLIENT_SECRET pan123-token get
#
# The emulator, for programs on this host; it ends at `docker stop`:
#
#   docker run --rm -p 127.0.0.1:18080:18080 -p 127.0.0.1:18081:18081 pan123-token \
#       emulate --listen 0.0.0.0:18080 --upload-listen 0.0.0.0:18081 --host localhost --client ci:test
#
# In a network of containers, `--host` is the emulator's name there. Nothing protects the emulator: publish its ports on
# the loopback only.

FROM rust:1-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked -p pan123-token-cli

FROM debian:bookworm-slim
# For an own CA, or where the system's certificates are trusted.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /source/target/release/pan123-token /usr/local/bin/pan123-token
# A user of its own, whose folder for the file store exists and is private.
RUN useradd --uid 10001 --no-create-home --home-dir /state pan123 \
    && install -d -m 0700 -o pan123 -g pan123 /state
USER pan123
ENV HOME=/state \
    PAN123_TOKEN_STORE=file:/state/tokens
VOLUME /state
# As PID 1 the command handles SIGTERM by itself: no init process is needed.
ENTRYPOINT ["pan123-token"]
CMD ["--help"]
