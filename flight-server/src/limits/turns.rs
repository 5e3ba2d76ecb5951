//! Whose turn it is, as a rule without clocks, locks or tasks.
//!
//! Principals with waiters stand in a ring. When a place comes free, the first of them that is under its own limit gets it
//! for its oldest waiter, and goes to the ring's end. One at its own limit keeps its place in the ring: it has not had a
//! turn. So between two turns of a principal that could run, nobody else has more than one.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::LimitOptions;

/// Which waiter; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// The queue, or a principal's share of it, is full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Who runs and who waits; `W` is how a waiter is told.
#[derive(Debug)]
pub(super) struct Turns<W> {
    max_running: usize,
    max_running_per_principal: usize,
    max_queued: usize,
    running: usize,
    queued: usize,
    /// Principals that run or wait, and no others: the map does not grow with everybody who was ever here.
    lanes: HashMap<Arc<str>, Lane<W>>,
    // INVARIANT: every principal with waiters, once.
    ring: VecDeque<Arc<str>>,
    last_ticket: u64,
}

#[derive(Debug)]
struct Lane<W> {
    running: usize,
    waiting: VecDeque<(Ticket, W)>,
}

impl<W> Default for Lane<W> {
    fn default() -> Self {
        Self { running: 0, waiting: VecDeque::new() }
    }
}

impl<W> Turns<W> {
    pub(super) fn new(options: &LimitOptions) -> Self {
        Self {
            max_running: options.max_statements.get(),
            max_running_per_principal: options.max_statements_per_principal.get(),
            max_queued: options.max_queued,
            running: 0,
            queued: 0,
            lanes: HashMap::new(),
            ring: VecDeque::new(),
            last_ticket: 0,
        }
    }

    pub(super) fn running(&self) -> usize {
        self.running
    }

    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Starts a newcomer if nobody has to be served before it; whether it was started.
    ///
    /// Whoever may run has been started by [`Self::next`] before this is called, so a free place is nobody else's.
    pub(super) fn start(&mut self, principal: &Arc<str>) -> bool {
        let lane_is_full = self.lanes.get(principal).is_some_and(|lane| lane.running >= self.max_running_per_principal);
        if self.running >= self.max_running || lane_is_full {
            return false;
        }
        self.lanes.entry(Arc::clone(principal)).or_default().running += 1;
        self.running += 1;
        true
    }

    /// Puts a waiter at the end of its principal's lane.
    pub(super) fn wait(&mut self, principal: &Arc<str>, waiter: W) -> Result<Ticket, Full> {
        let share = (self.max_queued / 2).max(1);
        let lane_queued = self.lanes.get(principal).map_or(0, |lane| lane.waiting.len());
        if self.queued >= self.max_queued || lane_queued >= share {
            return Err(Full);
        }
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let lane = self.lanes.entry(Arc::clone(principal)).or_default();
        if lane.waiting.is_empty() {
            self.ring.push_back(Arc::clone(principal));
        }
        lane.waiting.push_back((ticket, waiter));
        self.queued += 1;
        Ok(ticket)
    }

    /// Starts the waiter whose turn it is, if there is a place for any.
    pub(super) fn next(&mut self) -> Option<(Arc<str>, W)> {
        if self.running >= self.max_running {
            return None;
        }
        let limit = self.max_running_per_principal;
        let position = self
            .ring
            .iter()
            .position(|principal| self.lanes.get(principal).is_some_and(|lane| lane.running < limit))?;
        let principal = self.ring.remove(position)?;
        let lane = self.lanes.get_mut(&principal)?;
        let (_, waiter) = lane.waiting.pop_front()?;
        lane.running += 1;
        if !lane.waiting.is_empty() {
            self.ring.push_back(Arc::clone(&principal));
        }
        self.queued -= 1;
        self.running += 1;
        Some((principal, waiter))
    }

    /// Takes a waiter out, if it is still waiting.
    pub(super) fn leave(&mut self, principal: &Arc<str>, ticket: Ticket) -> Option<W> {
        let lane = self.lanes.get_mut(principal)?;
        let position = lane.waiting.iter().position(|(waiting, _)| *waiting == ticket)?;
        let (_, waiter) = lane.waiting.remove(position)?;
        self.queued -= 1;
        if lane.waiting.is_empty() {
            self.ring.retain(|waiting| waiting != principal);
        }
        self.forget_if_gone(principal);
        Some(waiter)
    }

    /// Takes every waiter out.
    pub(super) fn clear(&mut self) -> Vec<W> {
        self.queued = 0;
        self.ring.clear();
        let waiters =
            self.lanes.values_mut().flat_map(|lane| lane.waiting.drain(..)).map(|(_, waiter)| waiter).collect();
        self.lanes.retain(|_, lane| lane.running > 0);
        waiters
    }

    /// Ends a statement that was started for `principal`.
    pub(super) fn finish(&mut self, principal: &Arc<str>) {
        if let Some(lane) = self.lanes.get_mut(principal) {
            lane.running -= 1;
            self.running -= 1;
        }
        self.forget_if_gone(principal);
    }

    fn forget_if_gone(&mut self, principal: &Arc<str>) {
        if self.lanes.get(principal).is_some_and(|lane| lane.running == 0 && lane.waiting.is_empty()) {
            self.lanes.remove(principal);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use proptest::prelude::*;

    use super::*;

    fn turns(max_running: usize, per_principal: usize, max_queued: usize) -> Turns<u32> {
        Turns::new(&LimitOptions {
            max_statements: NonZeroUsize::new(max_running).unwrap(),
            max_statements_per_principal: NonZeroUsize::new(per_principal).unwrap(),
            max_queued,
            ..LimitOptions::default()
        })
    }

    fn name(principal: &str) -> Arc<str> {
        principal.into()
    }

    /// Who is served, in order, with one place that comes free again and again.
    fn served(turns: &mut Turns<u32>, holder: &str) -> Vec<(String, u32)> {
        let mut holder = name(holder);
        std::iter::from_fn(|| {
            turns.finish(&holder);
            let (principal, waiter) = turns.next()?;
            holder = Arc::clone(&principal);
            Some((principal.to_string(), waiter))
        })
        .collect()
    }

    #[test]
    fn principals_take_turns_however_many_waiters_one_has() {
        let mut turns = turns(1, 1, 20);
        assert!(turns.start(&name("ana")));
        for (principal, waiter) in [("ana", 1), ("ana", 2), ("ana", 3), ("bob", 4), ("bob", 5), ("eve", 6)] {
            turns.wait(&name(principal), waiter).unwrap();
        }
        let order = served(&mut turns, "ana");
        let order: Vec<_> = order.iter().map(|(principal, waiter)| (principal.as_str(), *waiter)).collect();
        assert_eq!(order, [("ana", 1), ("bob", 4), ("eve", 6), ("ana", 2), ("bob", 5), ("ana", 3)]);
        assert!(turns.lanes.is_empty(), "whoever is gone is forgotten");
    }

    #[test]
    fn one_at_its_own_limit_lets_the_next_pass_and_keeps_its_place() {
        let mut turns = turns(2, 1, 20);
        assert!(turns.start(&name("ana")));
        assert!(turns.start(&name("bob")));
        turns.wait(&name("ana"), 1).unwrap();
        turns.wait(&name("eve"), 2).unwrap();
        turns.wait(&name("joe"), 3).unwrap();
        turns.finish(&name("bob"));
        assert_eq!(turns.next(), Some((name("eve"), 2)));
        turns.finish(&name("ana"));
        assert_eq!(turns.next(), Some((name("ana"), 1)));
        assert_eq!(turns.next(), None);
    }

    #[test]
    fn nobody_takes_more_than_half_of_the_queue() {
        let mut turns = turns(1, 1, 4);
        assert!(turns.start(&name("ana")));
        turns.wait(&name("ana"), 1).unwrap();
        turns.wait(&name("ana"), 2).unwrap();
        assert_eq!(turns.wait(&name("ana"), 3), Err(Full));
        turns.wait(&name("bob"), 4).unwrap();
        turns.wait(&name("eve"), 5).unwrap();
        assert_eq!(turns.wait(&name("joe"), 6), Err(Full));
    }

    #[test]
    fn a_queue_of_one_can_be_used_and_a_queue_of_none_cannot() {
        let mut one = turns(1, 1, 1);
        assert!(one.start(&name("ana")));
        assert!(one.wait(&name("ana"), 1).is_ok());
        let mut none = turns(1, 1, 0);
        assert!(none.start(&name("ana")));
        assert_eq!(none.wait(&name("ana"), 1), Err(Full));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Ask(usize),
        Leave(usize),
        Finish(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => (0..4usize).prop_map(Step::Ask),
            1 => any::<usize>().prop_map(Step::Leave),
            3 => any::<usize>().prop_map(Step::Finish),
        ]
    }

    proptest! {
        #[test]
        fn limits_hold_places_are_used_and_nobody_gets_more_than_a_turn(
            max_running in 1..5usize,
            per_principal in 1..4usize,
            max_queued in 0..9usize,
            steps in prop::collection::vec(step(), 1..120),
        ) {
            let mut turns = turns(max_running, per_principal, max_queued);
            let names = ["ana", "bob", "eve", "joe"].map(name);
            let mut running: Vec<usize> = Vec::new();
            let mut waiting: Vec<(usize, Ticket)> = Vec::new();
            // passed[p][q]: how often q was served while p waited and could have run, since p was served last.
            let mut passed = [[0usize; 4]; 4];
            for step in steps {
                let mut served = None;
                match step {
                    Step::Ask(principal) if turns.start(&names[principal]) => served = Some(principal),
                    Step::Ask(principal) => {
                        if let Ok(ticket) = turns.wait(&names[principal], principal as u32) {
                            if waiting.iter().all(|(other, _)| *other != principal) {
                                passed[principal] = [0; 4];
                            }
                            waiting.push((principal, ticket));
                        }
                    }
                    Step::Leave(which) if !waiting.is_empty() => {
                        let (principal, ticket) = waiting.swap_remove(which % waiting.len());
                        prop_assert!(turns.leave(&names[principal], ticket).is_some());
                        prop_assert!(turns.leave(&names[principal], ticket).is_none());
                    }
                    Step::Finish(which) if !running.is_empty() => {
                        let principal = running.swap_remove(which % running.len());
                        turns.finish(&names[principal]);
                        served = turns.next().map(|(_, waiter)| waiter as usize);
                        if let Some(served) = served {
                            let oldest = waiting.iter().enumerate().filter(|(_, (other, _))| *other == served);
                            let oldest = oldest.min_by_key(|(_, (_, ticket))| ticket.0).map(|(index, _)| index);
                            waiting.swap_remove(oldest.unwrap());
                        }
                        prop_assert_eq!(turns.next(), None, "one place serves one waiter");
                    }
                    Step::Leave(_) | Step::Finish(_) => {}
                }
                let runs = |running: &[usize], principal| running.iter().filter(|other| **other == principal).count();
                if let Some(served) = served {
                    for (waiter, passed) in passed.iter_mut().enumerate() {
                        let waits = waiter != served && waiting.iter().any(|(other, _)| *other == waiter);
                        if waits && runs(&running, waiter) < per_principal {
                            passed[served] += 1;
                            prop_assert!(passed[served] <= 1, "{waiter} waits while {served} is served twice");
                        }
                    }
                    passed[served] = [0; 4];
                    running.push(served);
                }
                prop_assert!(running.len() <= max_running);
                prop_assert!(waiting.len() <= max_queued);
                prop_assert_eq!((turns.running(), turns.queued()), (running.len(), waiting.len()));
                for principal in 0..4 {
                    prop_assert!(runs(&running, principal) <= per_principal);
                    let waits = waiting.iter().filter(|(other, _)| *other == principal).count();
                    prop_assert!(waits <= (max_queued / 2).max(1));
                    prop_assert!(
                        waits == 0 || running.len() == max_running || runs(&running, principal) == per_principal,
                        "{} waits beside a free place", principal
                    );
                }
            }
        }
    }
}
