// Reading what has no beginning to go back to: standard input, a pipe.

internal import Glibc

extension OpenFile {
    /// Everything up to the end, waiting for the other side as long as it takes. Blocks the calling thread.
    /// - Throws: EFBIG when more than `limit` bytes come, having read hardly more than that.
    package func readToEnd(limit: Int) throws(SystemFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            let part = try nextPart()
            if part.isEmpty { return bytes }
            bytes += part
        }
        throw SystemFailure(call: "read", errno: .tooLarge, subject: label)
    }

    /// What is there to be read, up to 64 KiB, waiting until there is something; empty at the end.
    package func nextPart() throws(SystemFailure) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let number = raw
        while true {
            do throws(SystemFailure) {
                let got = try checked("read", label) { Glibc.read(number, &buffer, buffer.count) }
                return Array(buffer.prefix(got))
            } catch  where error.errno == .again {
                _ = try Poll.readable([number], timeout: nil)
            }
        }
    }
}
