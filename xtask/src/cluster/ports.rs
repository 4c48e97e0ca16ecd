//! Ports for the local servers: fixed ones by preference, so that a person can remember them, else the next free ones. They lie below the
//! range from which the kernel takes ports for outgoing connections: a server that is restarted finds its own again.

use anyhow::{Result, bail};
use std::net::TcpListener;

/// How many pairs are tried.
const TRIES: u16 = 200;

/// Returns the first of two neighbouring ports that nobody listens on and that are not `taken`, from `first` on.
///
/// # Errors
/// Fails where none of the tried ones is free.
pub(super) fn pair(first: u16, taken: &[u16]) -> Result<u16> {
    let candidates = (0..TRIES).map(|step| first + 2 * step);
    for port in candidates {
        if [port, port + 1].into_iter().all(|port| !taken.contains(&port) && is_free(port)) {
            return Ok(port);
        }
    }
    bail!("no free ports from {first} on")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_in_use_are_passed_over() {
        let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = holder.local_addr().expect("bound").port();
        let first = port.min(u16::MAX - 2 * TRIES - 1) & !1;
        let picked = pair(first, &[first]).expect("free ones");
        assert!(picked > first && picked != port && picked + 1 != port, "{picked}, though {first} is taken and {port} in use");
        assert!(!is_free(port));
    }
}
