# Builds one release binary; migrations, templates and the default configuration are compiled in.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The dependencies first: they change seldom and take most of the time.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests benches && echo 'fn main() {}' > src/main.rs && touch src/lib.rs tests/main.rs \
    && touch benches/main_job.rs benches/text.rs benches/worker.rs benches/rollup.rs \
    && cargo build --release --locked && rm -rf src
COPY src src
COPY templates templates
COPY config config
COPY migrations migrations
RUN touch src/main.rs src/lib.rs && cargo build --release --locked

FROM debian:bookworm-slim
# No root, and nothing to write but /data (a volume when the database is SQLite).
RUN useradd --system --uid 10001 --no-create-home svodka && install -d -o svodka /data
COPY --from=build /src/target/release/svodka /usr/local/bin/svodka
USER svodka
WORKDIR /

CMD ["svodka", "serve"]
