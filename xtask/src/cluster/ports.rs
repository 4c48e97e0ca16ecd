//! Ports for the local servers: fixed ones by preference, so that a person can remember them, else the next free ones. They lie below the
//! range from which the kernel takes ports for outgoing connections: a server that is restarted finds its own again.
//!
//! Seconds pass between picking a port and a server's listening on it, so who picks one also locks a file that is named after it: clusters
//! that start at once pick different ones.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;

/// How many pairs are tried.
const TRIES: u16 = 200;

/// Two neighbouring ports. No other process of this user picks them until this is dropped.
pub(super) struct Pair {
    /// The lower one.
    pub(super) port: u16,
    _kept: File,
}

/// Picks the first of two neighbouring ports that nobody listens on and nobody has picked, from `first` on.
///
/// # Errors
/// Fails where none of the tried ones is free, and where no file can be made in the folder of temporary files.
pub(super) fn pair(first: u16) -> Result<Pair> {
    let folder = folder()?;
    for port in (0..TRIES).map(|step| first + 2 * step) {
        let file = File::create(folder.join(port.to_string())).with_context(|| format!("cannot keep port {port}"))?;
        if file.try_lock().is_ok() && is_free(port) && is_free(port + 1) {
            return Ok(Pair { port, _kept: file });
        }
    }
    bail!("no free ports from {first} on")
}

/// The folder of the files, one for each user: nobody else may write there.
fn folder() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("roost-ports-{}", rustix::process::getuid().as_raw()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_in_use_and_picked_ones_are_passed_over() {
        let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = holder.local_addr().expect("bound").port();
        let first = port.min(u16::MAX - 2 * TRIES - 1) & !1;
        let (one, other) = (pair(first).expect("free ones"), pair(first).expect("more of them"));
        assert!(one.port >= first && one.port != port && one.port + 1 != port, "{} with {port} in use", one.port);
        assert!(other.port > one.port, "{} after {}", other.port, one.port);
        assert!(!is_free(port));
        let again = one.port;
        drop(one);
        assert_eq!(pair(first).expect("those that were given up").port, again);
    }
}
