// What a service manager is told, and that one that does not read never holds up the one who tells.

import Foundation
import Glibc
import Testing

@testable import Linux

/// A datagram socket under a path of its own, that reads when it is asked to.
private final class Ear {
    let path = "\(NSTemporaryDirectory())vizd-ear-\(Random.hex(bytes: 6))"
    private let number: CInt

    init() throws {
        number = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0, "errno \(errno)")
    }

    deinit {
        close(number)
        unlink(path)
    }

    /// What has come, without waiting.
    func heard() -> [String] {
        var all: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(number, &buffer, buffer.count, CInt(MSG_DONTWAIT))
            if count < 0 { return all }
            all.append(String(decoding: buffer.prefix(count), as: UTF8.self))
        }
    }
}

@Suite("The service manager's ear")
struct NotifierTests {
    @Test("lines arrive as they are told, and without a socket nothing is told")
    func arrives() throws {
        let ear = try Ear()
        let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": ear.path])
        #expect(notifier.isListening)
        try notifier.notify("READY=1", "STATUS=here", isOnce: true)
        try notifier.notify("WATCHDOG=1")
        #expect(ear.heard() == ["READY=1\nSTATUS=here", "WATCHDOG=1"])
        let deaf = ServiceNotifier(environment: [:])
        #expect(!deaf.isListening)
        try deaf.notify("READY=1")
    }

    @Test("a manager that does not read is told no more, and is never waited for")
    func unread() throws {
        let ear = try Ear()
        let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": ear.path])
        var refused = 0
        for number in 0..<5000 {
            do throws(SystemFailure) {
                try notifier.notify("STATUS=\(number)")
            } catch {
                #expect(error.errno == .again)
                refused += 1
            }
        }
        #expect(refused > 0, "its queue has an end")
        #expect(ear.heard().first == "STATUS=0")
        try notifier.notify("STATUS=again")
        #expect(ear.heard() == ["STATUS=again"])
    }

    @Test("what is told once is given up after a second, not never")
    func onceAndUnread() throws {
        let ear = try Ear()
        let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": ear.path])
        var isFull = false
        while !isFull {
            do throws(SystemFailure) { try notifier.notify("STATUS=x") } catch { isFull = true }
        }
        #expect(throws: SystemFailure.self) { try notifier.notify("STOPPING=1", isOnce: true) }
    }
}
