//! Whether a server answers, asked in its own protocol: a port that takes connections proves little, since the kernel takes them for a
//! process that is paused or still starting.

use super::kind::Kind;
use super::launch::REGISTRY_PATH;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for one answer.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// Kafka: ApiVersions, version 0, correlation id 7, no client id.
const KAFKA_ASKS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
/// CQL: OPTIONS, protocol 4, stream 7, no body (native_protocol_v4.spec, section 4.1.3).
const CQL_ASKS: [u8; 9] = [4, 0, 0, 7, 5, 0, 0, 0, 0];

/// Returns whether the server on this port of loopback answers.
pub(super) fn answers(kind: Kind, port: u16) -> bool {
    match kind {
        // The answer's length, then the correlation id.
        Kind::Kafka => ask(port, &KAFKA_ASKS).is_ok_and(|[_, _, _, _, id @ ..]: [u8; 8]| id == [0, 0, 0, 7]),
        // A reply of protocol 4 to stream 7: SUPPORTED.
        Kind::Cql => ask(port, &CQL_ASKS).is_ok_and(|head: [u8; 5]| head == [0x84, 0, 0, 7, 6]),
        Kind::Elastic => get(port, "/_cluster/health?wait_for_status=yellow&timeout=1s"),
        Kind::Registry => get(port, &format!("{REGISTRY_PATH}/subjects")),
    }
}

/// Sends a request and returns the first bytes of the answer.
fn ask<const N: usize>(port: u16, request: &[u8]) -> std::io::Result<[u8; N]> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), ANSWER_WAIT)?;
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    stream.write_all(request)?;
    let mut answer = [0; N];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

fn get(port: u16, path: &str) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(ANSWER_WAIT)).build().into();
    agent.get(format!("http://127.0.0.1:{port}{path}")).call().is_ok()
}

/// Returns the line that a server must have logged before it counts as ready, where its answers come earlier than that.
pub(super) fn ready_line(kind: Kind) -> Option<&'static str> {
    match kind {
        // It answers before its controllers let it take part.
        Kind::Kafka => Some("Kafka Server started"),
        Kind::Cql | Kind::Elastic | Kind::Registry => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Serves one connection with fixed bytes and expects what the probe makes of them.
    fn check(kind: Kind, reply: &'static [u8], expected: bool) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("asked");
            let mut request = [0; 9];
            stream.read_exact(&mut request).expect("a request");
            stream.write_all(reply).expect("sent");
        });
        assert_eq!(answers(kind, port), expected, "{kind:?} {reply:?}");
        server.join().expect("served");
    }

    #[test]
    fn only_the_right_protocol_answers() {
        check(Kind::Kafka, &[0, 0, 0, 99, 0, 0, 0, 7], true);
        check(Kind::Kafka, b"HTTP/1.1 400", false);
        check(Kind::Kafka, &[0, 0, 0], false);
        check(Kind::Cql, &[0x84, 0, 0, 7, 6, 0, 0, 0, 0], true);
        check(Kind::Cql, &[0x84, 0, 0, 7, 0, 0, 0, 0, 0], false);
        check(Kind::Registry, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]", true);
        check(Kind::Elastic, b"HTTP/1.1 408 Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", false);
    }
}
