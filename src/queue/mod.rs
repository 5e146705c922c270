//! The verbs of a run's life: admit, claim, settle; and why there are no more.
