//! How long whoever is not let in waits for the answer: longer each time, so that guessing takes forever.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// The wait after a first failure; each further one doubles it.
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(6);

/// How long it takes until one failure is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(30);

/// How many failures of one peer count.
const COUNTED: u32 = 16;

/// How many peers are remembered at most; beyond that the one that has failed the longest ago is forgotten.
const PEERS: usize = 4096;

/// The peers that have failed lately. Those without an address share one entry.
#[derive(Default)]
pub(super) struct Throttle(Mutex<HashMap<Option<IpAddr>, Failures>>);

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    /// How many still count at `now`.
    fn left(&self, now: Instant) -> u32 {
        let forgotten = now.saturating_duration_since(self.last).as_secs() / FORGOTTEN.as_secs();
        self.count.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
    }
}

impl Throttle {
    /// Counts a failure of the peer at `address`, and answers how long it has to wait to hear of it.
    pub(super) fn failed(&self, address: Option<IpAddr>, now: Instant) -> Duration {
        let address = address.map(network);
        let mut peers = self.0.lock();
        let before = peers.get(&address).map_or(0, |failures| failures.left(now));
        if before == 0 {
            make_room(&mut peers, now);
        }
        peers.insert(address, Failures { count: (before + 1).min(COUNTED), last: now });
        FIRST.saturating_mul(1 << before.min(COUNTED)).min(LONGEST)
    }
}

fn make_room(peers: &mut HashMap<Option<IpAddr>, Failures>, now: Instant) {
    if peers.len() < PEERS {
        return;
    }
    peers.retain(|_, failures| failures.left(now) > 0);
    if peers.len() >= PEERS
        && let Some(oldest) = peers.iter().min_by_key(|(_, failures)| failures.last).map(|(address, _)| *address)
    {
        peers.remove(&oldest);
    }
}

/// What one peer can hardly have more than one of: an address, or a network of the sixth version, in which everybody
/// has addresses to waste.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn peer(number: u32) -> Option<IpAddr> {
        Some(Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn waits_grow_with_failures_up_to_a_limit() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let waits: Vec<_> = (0..8).map(|_| throttle.failed(peer(1), now).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6000, 6000]);
        for _ in 0..100 {
            assert_eq!(throttle.failed(peer(1), now), LONGEST);
        }
        assert_eq!(throttle.failed(peer(2), now), FIRST, "another peer has not failed");
        assert_eq!(throttle.failed(None, now), FIRST);
    }

    #[test]
    fn failures_are_forgotten_one_by_one() {
        let throttle = Throttle::default();
        let start = Instant::now();
        for _ in 0..4 {
            throttle.failed(peer(1), start);
        }
        assert_eq!(throttle.failed(peer(1), start + 3 * FORGOTTEN), 2 * FIRST);
        assert_eq!(throttle.failed(peer(1), start + 100 * FORGOTTEN), FIRST);
    }

    #[test]
    fn a_network_of_the_sixth_version_is_one_peer() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let wait = |address: &str| throttle.failed(Some(address.parse().unwrap()), now);
        assert_eq!(wait("2001:db8::1"), FIRST);
        assert_eq!(wait("2001:db8::ffff:2"), 2 * FIRST);
        assert_eq!(wait("2001:db8:0:1::1"), FIRST);
        assert_eq!(wait("192.0.2.1"), FIRST);
        assert_eq!(wait("::ffff:192.0.2.1"), 2 * FIRST);
    }

    #[test]
    fn only_so_many_peers_are_remembered() {
        let throttle = Throttle::default();
        let start = Instant::now();
        for number in 0..=u32::try_from(PEERS).unwrap() {
            throttle.failed(peer(number), start + Duration::from_micros(number.into()));
        }
        assert_eq!(throttle.0.lock().len(), PEERS);
        assert_eq!(throttle.failed(peer(1), start + Duration::from_millis(10)), 2 * FIRST);
        assert_eq!(throttle.failed(peer(0), start + Duration::from_millis(10)), FIRST, "it failed the longest ago");
    }
}
