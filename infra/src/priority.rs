//! Threads whose work nobody waits for give way to those that answer.

/// How far: beside a busy thread about a quarter of a processor is left, so that files are still merged under full load.
const STEPS: i32 = 5;

/// Lowers the priority of the calling thread and of those that it will start. On systems where that would be the whole process's, nothing
/// happens.
pub(crate) fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(STEPS) {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}

/// Runs `open` on a thread that gives way, so that the threads which it starts do.
pub(crate) fn giving_way<T: Send>(open: impl FnOnce() -> T + Send) -> T {
    let opened = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            give_way();
            open()
        });
        thread.join()
    });
    opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn priority() -> i32 {
        rustix::process::getpriority_process(None).expect("the priority of oneself can be read")
    }

    #[test]
    fn what_is_started_gives_way_and_nobody_else() {
        let before = priority();
        let started = giving_way(|| std::thread::spawn(priority).join().unwrap());
        assert_eq!((started, priority()), ((before + STEPS).min(19), before));
    }
}
