//! What the token's life costs: tokens issued, API calls that fail, and time without a token.

mod fleets;
mod law;
mod rows;

pub use fleets::fleets;
pub use law::{Row, law};
pub use rows::rows;

use std::time::Duration;

use crate::tally::Tally;

fn percent(part: u64, whole: u64) -> String {
    if part == 0 {
        return "0 %".to_owned();
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let percent = part as f64 * 100.0 / whole.max(1) as f64;
    format!("{percent:.2} %")
}

fn failing(tally: &Tally) -> String {
    percent(tally.rejected + tally.unserved, tally.calls)
}

fn readable(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..120.0 => format!("{seconds:.1} s"),
        ..600.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.0} d", seconds / 86_400.0),
    }
}
