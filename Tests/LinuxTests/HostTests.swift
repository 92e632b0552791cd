// The process and its surroundings.

import Foundation
import Glibc
import Linux
import Testing

@Suite("The process")
struct HostTests {
    @Test("the environment is the one that the process was given, whole")
    func environment() throws {
        #expect(Host.environment == ProcessInfo.processInfo.environment)
        #expect(!Host.environment.isEmpty)
    }

    @Test("the environment is known without a descriptor to read it with: it is never taken for an empty one")
    func withoutDescriptors() async {
        // In a process of its own, which may be left without descriptors.
        await #expect(processExitsWith: .success) {
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let plenty = limit.rlim_cur
            limit.rlim_cur = 0
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let known = Host.environment["PATH"] != nil
            // Who looks for leaks at the end needs some.
            limit.rlim_cur = plenty
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            exit(known ? 0 : 1)
        }
    }
}
