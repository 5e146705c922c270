//! Takes known secrets out of whatever is about to be stored or shown.
