// Opening photos while descriptors run out: nothing is known of it then, and the job has to wait.

import Contract
import Glibc
import Linux
import Testing

@testable import Wardrobe

@Suite("No descriptors left for photos")
struct PhotoShortageTests {
    @Test("a wardrobe that cannot be opened for want of descriptors is a pause, not a failed job")
    func pause() async {
        // In a process of its own, which may be left with few descriptors: for each number of them, none to plenty.
        // Some above the first free one may have been inherited.
        await #expect(processExitsWith: .success) {
            let place = try TemporaryWardrobe()
            try place.write("x", to: "tee.png")
            let wardrobe = place.wardrobe()
            let garment = Garment(name: "Tee", candidates: ["tee.png"])
            let free = open("/dev/null", O_RDONLY)
            close(free)
            var paused = 0
            for few in 0..<200 {
                Self.leave(descriptors: Int(free) + few)
                do throws(WardrobeFailure) {
                    _ = try await wardrobe.openPhoto(garment, of: place.user)
                } catch {
                    if error.answer != .pause { exit(1) }
                    paused += 1
                }
            }
            Self.leave(descriptors: 1000)
            exit((1..<200).contains(paused) ? 0 : 2)
        }
    }

    /// No descriptor from this number on can be had any more.
    private static func leave(descriptors: Int) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = rlim_t(descriptors)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
