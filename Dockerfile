# syntax=docker/dockerfile:1
# The image holds the gateway, the C library that it is linked to, and nothing else: no shell, no package manager.
# `scripts/container-steps` runs these steps without docker and tries what comes out.

FROM rust:1.95-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src ./src
COPY filters ./filters
ARG PROFILE=dist
RUN cargo build --locked --profile "$PROFILE" --bin sluicegate
# The root folder of the image: the binary, the libraries that it names, a user without rights, a folder for its state.
# Cargo's folder of a profile; only `dev` has another name than its folder.
ARG FOLDER=$PROFILE
RUN binary="${CARGO_TARGET_DIR:-target}/$FOLDER/sluicegate" \
    && install -D -m 0755 "$binary" /image/usr/bin/sluicegate \
    && ldd "$binary" | grep -o '/[^ ]*' | sort -u | xargs -I{} install -D -m 0755 {} /image{} \
    && install -d -m 0755 /image/etc/sluicegate \
    && install -d -m 0700 -o 65532 -g 65532 /image/var/lib/sluicegate \
    && echo 'sluicegate:x:65532:65532::/var/lib/sluicegate:/usr/sbin/nologin' > /image/etc/passwd \
    && echo 'sluicegate:x:65532:' > /image/etc/group

FROM scratch
LABEL org.opencontainers.image.title="Sluicegate" \
      org.opencontainers.image.description="A streaming moderation gateway for LLM APIs" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/ /
USER 65532:65532
WORKDIR /var/lib/sluicegate
ENV SLUICEGATE_STATE=/var/lib/sluicegate
# Data; operations (health, metrics) is 9090 and belongs to the cluster only.
EXPOSE 8080
VOLUME ["/var/lib/sluicegate"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/usr/bin/sluicegate", "healthcheck"]
ENTRYPOINT ["/usr/bin/sluicegate"]
CMD ["serve"]
