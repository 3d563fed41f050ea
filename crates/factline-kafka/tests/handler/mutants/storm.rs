//! Kills, stops and pauses at random.
