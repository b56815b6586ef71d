//! What came in and is not dealt with yet.

use std::collections::VecDeque;

use super::{Arrived, Inbound, Port};

/// The oldest first. What waits at one port holds up what came in there behind it, and nothing else.
#[derive(Debug, Default)]
pub struct Queue(VecDeque<Arrived>);

impl Queue {
    /// Puts this at the end.
    pub fn push(&mut self, inbound: Option<Arrived>) {
        self.0.extend(inbound);
    }

    /// Whether all is dealt with.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands over the oldest of each port, and keeps what is not dealt with; true if anything was.
    pub fn round(&mut self, mut is_dealt_with: impl FnMut(&Inbound) -> bool) -> bool {
        let (mut tried, mut worked): (Vec<Port>, _) = (Vec::new(), false);
        for inbound in std::mem::take(&mut self.0) {
            let first = !tried.contains(&inbound.port);
            if first {
                tried.push(inbound.port);
            }
            if first && is_dealt_with(&inbound) {
                worked = true;
            } else {
                self.0.push_back(inbound);
            }
        }
        worked
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::{What, places};
    use super::*;

    fn inbound(port: u32, number: u8) -> Inbound {
        let from = SocketAddr::from(([192, 0, 2, 1], 1));
        Inbound { port: Port(port), what: What::Datagram(from, vec![number]) }
    }

    fn number(inbound: &Inbound) -> u8 {
        inbound.datagram(inbound.port).unwrap().1[0]
    }

    #[test]
    fn a_port_that_waits_keeps_its_order_and_holds_up_no_other() {
        let mut queue = Queue::default();
        for (port, n) in [(1, 10), (1, 11), (2, 20), (1, 12), (2, 21)] {
            queue.push(Some(places::arrived(inbound(port, n))));
        }
        let mut seen = Vec::new();
        let mut round = |queue: &mut Queue, waits: u32| {
            queue.round(|inbound| {
                seen.push(number(inbound));
                inbound.port != Port(waits)
            })
        };
        assert!(round(&mut queue, 1));
        assert!(round(&mut queue, 1));
        assert!(!round(&mut queue, 1), "only port 1 is left, and waits");
        while round(&mut queue, 0) {}
        assert!(queue.is_empty());
        assert_eq!(seen, [10, 20, 10, 21, 10, 10, 11, 12]);
    }
}
