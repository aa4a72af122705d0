//! What stand-ins owe.
