//! What a WebSocket between endpoints is opened, kept and closed with. TR-369, "WebSocket Binding".

use core::ops::Range;

/// The subprotocol. R-WS.9; a server that does not answer it is none (R-WS.12).
pub const SUBPROTOCOL: &str = "v1.usp";

/// The key in the query of the request's URI whose value is the Endpoint ID of the client. R-WS.10b.
pub const ENDPOINT: &str = "eid";

/// How a percent character of an Endpoint ID is written there. R-WS.10c.
pub const PERCENT: &str = "%25";

/// The status that a connection is closed with on which something came that is no Record. R-WS.16.
pub const UNSUPPORTED: u16 = 1003;

/// Seconds between pings, unless something else is configured. R-WS.18; TR-181,
/// LocalAgent.Controller.{i}.MTP.{i}.WebSocket.KeepAliveInterval.
pub const KEEP_ALIVE: u32 = 30;

/// The least wait before a connection is tried again, milliseconds, unless something else is configured. R-WS.19,
/// SessionRetryMinimumWaitInterval.
pub const RETRY: u32 = 5_000;

/// From and up to how many times [`RETRY`] this try waits, the first one being 0: R-WS.19, with the default of
/// SessionRetryIntervalMultiplier.
pub const fn retry(tries: u32) -> Range<u32> {
    let doubled = if tries < 9 { tries } else { 9 };
    1 << doubled..2 << doubled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_are_those_of_the_table() {
        let seconds = |tries| {
            let Range { start, end } = retry(tries);
            (start * RETRY / 1000, end * RETRY / 1000)
        };
        let table = [0, 1, 2, 3, 8, 9, 10, u32::MAX].map(seconds);
        let last = (2560, 5120);
        assert_eq!(table, [(5, 10), (10, 20), (20, 40), (40, 80), (1280, 2560), last, last, last]);
    }
}
