// Image workers with an intruder inside: the built worker, with a library preloaded that acts as a photo would that has
// taken the worker over (Tests/Intruder). The product knows nothing of it.

internal import Foundation
internal import Linux

/// A folder with a worker that has an intruder, and with a vizd that uses it.
package final class Intruder: Sendable {
    private let path: String
    /// In place of `vizd-image`.
    package let worker: String
    /// In place of `vizd`.
    package let program: String

    /// Makes the folder, which is gone with the value.
    /// - Parameter sandboxed: whether the worker finds itself in a sandbox that refuses name spaces and Landlock.
    ///   Such a one may also refuse filters altogether.
    package init(sandboxed: Bool = false, refusingFilters: Bool = false) throws {
        path = "/tmp/vizd-intruder-\(Random.hex(bytes: 8))"
        (worker, program) = ("\(path)/vizd-image", "\(path)/vizd")
        try Host.makeDirectories(path, mode: 0o755)
        let (real, library) = try (BuiltProducts.path(of: "vizd-image"), BuiltProducts.path(of: "libIntruder.so"))
        let sandbox = sandboxed ? "INTRUDER_SANDBOX=\(refusingFilters ? "closed" : "open") " : ""
        let script = "#!/bin/sh\n\(sandbox)LD_PRELOAD='\(library)' exec '\(real)' \"$@\"\n"
        try Directory(path: path).open("vizd-image", .create, mode: 0o755).write(all: Array(script.utf8))
        try FileManager.default.copyItem(atPath: BuiltProducts.path(of: "vizd"), toPath: program)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { print("\(path) stays behind: \(error)") }
    }

    /// A photo that has the intruder do something; `Intruder.c` has the words.
    package static func photo(_ word: String) -> [UInt8] {
        let text = [0xFF, 0xD8, 0xFF] + Array("INTRUDER \(word)\n".utf8)
        return text + [UInt8](repeating: 0, count: 64 - text.count)
    }
}
