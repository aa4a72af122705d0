//! Counts steps of work in tests, so that a law of linear work needs no clock: a busy machine takes longer, and no more steps.

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// One step: a node, a line or a string that is looked at. Nothing outside of tests.
#[inline]
pub(crate) fn step() {
    #[cfg(test)]
    STEPS.with(|steps| steps.set(steps.get() + 1));
}

/// How many steps this thread takes for it.
#[cfg(test)]
pub(crate) fn steps_of(run: impl FnOnce()) -> u64 {
    let before = STEPS.with(std::cell::Cell::get);
    run();
    STEPS.with(std::cell::Cell::get) - before
}
