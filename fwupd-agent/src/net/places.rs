//! How much may wait: what comes in faster than it is dealt with takes no more memory than this.

use std::ops::Deref;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Inbound, Parcel};

/// So much may wait that came in at one port.
const PLACES: usize = 128;

/// Something that came in. It has its place until it is dropped.
#[derive(Debug)]
pub struct Arrived {
    inbound: Inbound,
    /// None: it waits beside all places.
    _place: Option<Place>,
}

impl Deref for Arrived {
    type Target = Inbound;

    fn deref(&self) -> &Inbound {
        &self.inbound
    }
}

/// The places of a port.
#[derive(Debug, Default)]
struct Places {
    taken: Mutex<usize>,
    freed: Condvar,
}

impl Places {
    fn taken(&self) -> MutexGuard<'_, usize> {
        // Nobody panics with it: it is a number in any case.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.0.taken();
        *taken = taken.saturating_sub(1);
        self.0.freed.notify_one();
    }
}

/// The way of one port into an inbox.
#[derive(Debug)]
pub(super) struct Entry {
    sender: Sender<Option<Arrived>>,
    places: Arc<Places>,
}

/// There is no inbox any more.
#[derive(Debug)]
pub(super) struct Gone;

impl Entry {
    pub(super) fn new(sender: Sender<Option<Arrived>>) -> Self {
        Self { sender, places: Arc::default() }
    }

    /// Hands this over, as soon as there is a place for it.
    pub(super) fn send(&self, parcel: Parcel) -> Result<(), Gone> {
        let inbound = match parcel {
            Parcel::Inbound(inbound) => inbound,
            Parcel::Wake => return self.put(None),
        };
        let full = |taken: &mut usize| *taken >= PLACES;
        // An inbox that is gone has left all places.
        let taken = self.places.freed.wait_while(self.places.taken(), full);
        let place = self.place(taken.unwrap_or_else(PoisonError::into_inner));
        self.put(Some(Arrived { inbound, _place: Some(place) }))
    }

    /// Hands this over if there is a place for it; whether there is.
    pub(super) fn offer(&self, inbound: Inbound) -> Result<bool, Gone> {
        let taken = self.places.taken();
        if *taken >= PLACES {
            return Ok(false);
        }
        let place = self.place(taken);
        self.put(Some(Arrived { inbound, _place: Some(place) }))?;
        Ok(true)
    }

    /// Hands this over beside all places: only for what nobody outside can have come in as often as he likes.
    pub(super) fn squeeze(&self, inbound: Inbound) -> Result<(), Gone> {
        self.put(Some(Arrived { inbound, _place: None }))
    }

    fn place(&self, mut taken: MutexGuard<'_, usize>) -> Place {
        *taken = taken.saturating_add(1);
        Place(Arc::clone(&self.places))
    }

    fn put(&self, arrived: Option<Arrived>) -> Result<(), Gone> {
        self.sender.send(arrived).map_err(|_| Gone)
    }
}

#[cfg(test)]
pub(super) fn arrived(inbound: Inbound) -> Arrived {
    Arrived { inbound, _place: None }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::thread;

    use super::super::{Inbox, Port, Queue, What};
    use super::*;

    fn inbound(port: Port) -> Inbound {
        Inbound { port, what: What::Datagram(SocketAddr::from(([192, 0, 2, 1], 1)), Vec::new()) }
    }

    #[test]
    fn a_port_has_its_places_until_what_waits_is_dealt_with_and_takes_none_of_another() {
        let mut inbox = Inbox::default();
        let ((one, flooded), (two, quiet)) = (inbox.open(), inbox.open());
        let came = (0..10_000).filter(|_| flooded.offer(inbound(one)).unwrap()).count();
        assert_eq!(came, PLACES);
        assert!(quiet.offer(inbound(two)).unwrap());
        // What is taken out and not dealt with keeps its place.
        let mut queue = Queue::default();
        while let Some(arrived) = inbox.take() {
            queue.push(Some(arrived));
        }
        assert!(!flooded.offer(inbound(one)).unwrap());
        assert!(queue.round(|inbound| inbound.port == one));
        assert!(flooded.offer(inbound(one)).unwrap());
        assert!(!flooded.offer(inbound(one)).unwrap());
    }

    #[test]
    fn who_waits_for_a_place_gets_the_next_one_or_hears_that_the_inbox_is_gone() {
        let mut inbox = Inbox::default();
        let (port, entry) = inbox.open();
        let sends = thread::spawn(move || {
            let sent = (0..).take_while(|_| entry.send(Parcel::Inbound(inbound(port))).is_ok());
            sent.count()
        });
        for _ in 0..1000 {
            assert!(inbox.wait(5000).is_some());
        }
        drop(inbox);
        let sent = sends.join().unwrap();
        assert!((1000..=1000 + PLACES).contains(&sent), "{sent}");
    }
}
