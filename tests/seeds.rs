//! The simulation alone, to be built optimised without the other tests: `cargo test --profile simulation --test seeds`.

mod simulation;

mod support {
    #[expect(dead_code, reason = "the other tests use more of it")]
    #[path = "postgres.rs"]
    pub mod postgres;
}
