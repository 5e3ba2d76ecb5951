//! How much memory the process has in use.

/// The resident bytes of this process; `None` on systems that do not tell in this way.
///
/// Read from `/proc/self/status` and not from `statm`: that counts in pages, whose size is not known without unsafe code.
pub(super) fn resident_bytes() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_size_is_read_in_kibibytes() {
        assert_eq!(parse("Name:\tsluice\nVmHWM:\t    900 kB\nVmRSS:\t    512 kB\nThreads:\t4\n"), Some(512 * 1024));
        assert_eq!(parse("Name:\tsluice\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_a_size() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
