//! When a topic is paused and when it goes on.

use std::time::{Duration, Instant};

/// What the gate looks at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// A record waits for a dependency.
    pub(super) down: bool,
    /// The budget is used up.
    pub(super) full: bool,
    /// So much of it is free again that going on pays.
    pub(super) room: bool,
    /// The breaker is open.
    pub(super) broken: bool,
}

/// What to do with the assigned partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Stay,
    Pause,
    Resume,
}

/// While the breaker is open a few records are let through from time to time: the ones in flight may be bad by
/// themselves, and one good record closes the breaker.
const PROBE: usize = 16;
const PROBE_FOR: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum State {
    Open,
    Shut,
    Probing { left: usize, until: Instant },
}

#[derive(Debug)]
pub(super) struct Gate {
    state: State,
    probe_every: Duration,
    next_probe: Option<Instant>,
}

impl Gate {
    pub(super) fn new(probe_every: Duration) -> Gate {
        Gate {
            state: State::Open,
            probe_every,
            next_probe: None,
        }
    }

    pub(super) fn is_shut(&self) -> bool {
        matches!(self.state, State::Shut)
    }

    /// How many records may be begun before the gate is asked again.
    pub(super) fn allows(&self) -> usize {
        match self.state {
            State::Open => usize::MAX,
            State::Shut => 0,
            State::Probing { left, .. } => left,
        }
    }

    /// So many records were begun.
    pub(super) fn began(&mut self, records: usize) {
        if let State::Probing { left, .. } = &mut self.state {
            *left = left.saturating_sub(records);
        }
    }

    pub(super) fn step(&mut self, load: Load, now: Instant) -> Step {
        if !load.broken {
            self.next_probe = None;
        }
        let shut = load.down || load.full;
        match self.state {
            State::Open if shut || load.broken => self.shut(load, now),
            State::Open => Step::Stay,
            State::Probing { left, until } if load.broken => {
                if shut || left == 0 || now >= until {
                    self.shut(load, now)
                } else {
                    Step::Stay
                }
            }
            State::Probing { .. } if shut => self.shut(load, now),
            State::Probing { .. } => {
                self.state = State::Open;
                Step::Stay
            }
            State::Shut if shut || !load.room => Step::Stay,
            State::Shut if load.broken => {
                if self.next_probe.is_some_and(|at| now < at) {
                    return Step::Stay;
                }
                self.state = State::Probing {
                    left: PROBE,
                    until: now + PROBE_FOR,
                };
                Step::Resume
            }
            State::Shut => {
                self.state = State::Open;
                Step::Resume
            }
        }
    }

    fn shut(&mut self, load: Load, now: Instant) -> Step {
        self.state = State::Shut;
        if load.broken {
            self.next_probe = Some(now + self.probe_every);
        }
        Step::Pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(5);

    fn load() -> Load {
        Load {
            room: true,
            ..Load::default()
        }
    }

    #[test]
    fn a_full_topic_is_paused_until_there_is_room_again() {
        let now = Instant::now();
        let mut gate = Gate::new(EVERY);
        let full = Load {
            full: true,
            room: false,
            ..load()
        };
        assert_eq!(gate.step(full, now), Step::Pause);
        assert_eq!(gate.allows(), 0);
        let half = Load {
            room: false,
            ..load()
        };
        assert_eq!(gate.step(half, now), Step::Stay);
        assert_eq!(gate.step(load(), now), Step::Resume);
        assert_eq!(gate.allows(), usize::MAX);
    }

    #[test]
    fn an_open_breaker_lets_a_few_records_through_from_time_to_time() {
        let mut now = Instant::now();
        let mut gate = Gate::new(EVERY);
        let broken = Load {
            broken: true,
            ..load()
        };
        assert_eq!(gate.step(broken, now), Step::Pause);
        now += EVERY / 2;
        assert_eq!(gate.step(broken, now), Step::Stay);
        now += EVERY;
        assert_eq!(gate.step(broken, now), Step::Resume);
        assert_eq!(gate.allows(), PROBE);
        gate.began(PROBE);
        assert_eq!(gate.step(broken, now), Step::Pause);
        assert_eq!(gate.step(broken, now), Step::Stay);
        // One record succeeded: the breaker is closed.
        assert_eq!(gate.step(load(), now), Step::Resume);
        assert_eq!(gate.allows(), usize::MAX);
    }

    #[test]
    fn a_dependency_that_is_down_shuts_the_gate_even_for_probes() {
        let now = Instant::now();
        let mut gate = Gate::new(EVERY);
        let down = Load {
            down: true,
            broken: true,
            ..load()
        };
        assert_eq!(gate.step(down, now), Step::Pause);
        assert_eq!(gate.step(down, now + EVERY * 2), Step::Stay);
    }
}
