// Sockets under a name in the file system, for tests.

internal import Glibc
internal import Linux

package enum UnixSocket {
    /// Makes a socket and binds it to a path. The caller closes the descriptor.
    package static func bound(_ path: String, stream: Bool) throws -> CInt {
        let kind = stream ? SOCK_STREAM : SOCK_DGRAM
        let number = socket(AF_UNIX, CInt(kind.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let answer = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if answer != 0 {
            let reason = Errno(rawValue: errno)
            close(number)
            throw SystemFailure(call: "bind", errno: reason, subject: path)
        }
        return number
    }
}

/// The service manager's side of sd_notify: what a daemon tells it.
package final class NotifySocket: Sendable {
    /// For NOTIFY_SOCKET.
    package let path: String
    private let number: CInt
    private let heard = Monitor<[String]>([])

    package init(_ path: String) throws {
        self.path = path
        number = try UnixSocket.bound(path, stream: false)
    }

    deinit { close(number) }

    /// Waits until a line has come that begins so; answers everything that has come so far, in order.
    package func await(_ beginning: String, count: Int = 1) throws -> [String] {
        let deadline = MonotonicClock.now() + Patience.limit
        while true {
            let all = heard.look { $0 }
            if all.filter({ $0.hasPrefix(beginning) }).count >= count { return all }
            let left = deadline - MonotonicClock.now()
            if left <= 0 { throw Overdue(description: "no \(beginning) came, only \(all)") }
            guard try Poll.readable([number], timeout: left)[0] else { continue }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let got = recv(number, &buffer, buffer.count, 0)
            let lines = String(decoding: buffer.prefix(max(0, got)), as: UTF8.self).split(separator: "\n")
            heard.change { $0 += lines.map(String.init) }
        }
    }
}
