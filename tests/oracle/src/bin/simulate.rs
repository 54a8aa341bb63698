//! Runs the simulation of the token's life. See `--help`.

use std::process::ExitCode;

use pan123_token_oracle::figures;

fn main() -> ExitCode {
    println!("{}", figures::law());
    ExitCode::SUCCESS
}
