//! How many files and sockets the process may have open, and so how many connections it can take.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Kept for the journal, the listeners and connections to upstreams that are being made.
const RESERVE: u64 = 64;
/// What a connection may need: its own socket and one to an upstream.
const EACH: u64 = 2;

/// Raises the process's soft limit of open files to its hard one, and gives the connections for which it has room, where the system says.
pub(super) fn room() -> Option<usize> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let soft = std::mem::replace(&mut limit.current, limit.maximum);
        // Some systems have a ceiling of their own below the hard limit.
        if setrlimit(Resource::Nofile, limit).is_err() {
            limit.current = soft;
        }
    }
    Some(connections(limit.current?))
}

fn connections(files: u64) -> usize {
    usize::try_from(files.saturating_sub(RESERVE) / EACH).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_two_files() {
        assert_eq!([connections(1024), connections(65_536), connections(0)], [480, 32_736, 1]);
        assert!(room().is_none_or(|room| room > 0));
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
