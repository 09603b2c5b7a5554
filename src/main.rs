//! The `svodka` binary; everything is in the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    svodka::cli::main().await
}
