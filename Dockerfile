# syntax=docker/dockerfile:1
# One image with the binaries of all roles; the container's command selects one.
# To add a binary, add a `--package` below. The package `cli` has the tool `factline`.

# Debian's release must be the same in both stages: binaries are linked against its C library.
FROM rust:1.95.0-trixie AS builder
# OpenSSL, for the feature `tls`.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /factline
COPY . .
# The caches outlive the layer, so that a change compiles only the affected crates. Caches are not part
# of the image, so the binaries are copied out.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/factline/target \
    cargo build --release --locked --bins \
      --package cli \
      --package command-api \
      --package command-handlers \
      --package demo \
      --package gateway \
      --package operations-tracker \
      --package payment-sender \
      --package payment-simulator \
      --package policies \
      --package projectors \
      --package read-api \
      --features cli/tls,command-api/tls,command-handlers/tls,operations-tracker/tls,payment-sender/tls,policies/tls,projectors/tls,read-api/tls \
    && mkdir /programs \
    && find target/release -maxdepth 1 -type f -executable -exec cp {} /programs/ \;

FROM debian:trixie-slim
# For TLS to brokers, registry and database; with the certificates of public authorities.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libssl3t64 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=builder /programs/ /usr/local/bin/
COPY --chmod=0755 deploy/healthy /usr/local/bin/healthy
# A new volume inherits the owner of this folder.
RUN install --directory --owner=10001 --group=10001 /var/lib/factline
# A number, so that Kubernetes can verify that it is not root.
USER 10001:10001
ENV FACTLINE_LOG_FORMAT=json
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 CMD ["healthy"]
CMD ["gateway", "--help"]
