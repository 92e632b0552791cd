// Reading without a descriptor to read with: nothing is known of the file then, and nothing is said of it.

import Glibc
import Linux
import Spool
import Testing

private struct Unexpected: Error {}

@Suite("No descriptors left")
struct ShortageTests {
    @Test("a request that cannot be opened for want of descriptors is no unreadable one: it is looked at again")
    func lookedAtAgain() async {
        // In a process of its own, which may be left without descriptors.
        await #expect(processExitsWith: .success) {
            let test = try TestSpool()
            let file: FileName = "a.json"
            try test.spool[.incoming].open(file, .create).write(all: Array("{}".utf8))
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let plenty = limit.rlim_cur
            limit.rlim_cur = 0
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            // Who looks for leaks at the end needs some.
            defer {
                limit.rlim_cur = plenty
                setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            }
            guard case .short(_, let failure) = Reading.of(file, in: test.spool[.incoming], limit: 100),
                failure.errno == .tooManyOpen,
                case .incomplete = Peek(limit: 100, ask: { _ in .notYet }).look(at: file, in: test.spool[.incoming])
            else { throw Unexpected() }
        }
    }
}
