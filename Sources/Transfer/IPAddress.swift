// Addresses of the Internet protocol, and which of them lead out into the public network.
//
// A value: no resolver, no socket. It reads every spelling of an IPv4 address that the C library's resolver takes
// (`127.1`, `0x7f000001`, `017700000001`, `2130706433`), since whoever wants to be let in will try them all.

/// An IPv4 or IPv6 address.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16, in the order of the network.
    package let bytes: [UInt8]

    /// Takes over 4 or 16 bytes; nil for any other number.
    package init?(bytes: some Sequence<UInt8>) {
        self.bytes = Array(bytes)
        guard self.bytes.count == 4 || self.bytes.count == 16 else { return nil }
    }

    /// Reads an address as text, IPv6 without brackets and without a zone; nil for a name.
    package init?(_ text: String) {
        let words = Array(text.utf8)
        guard let bytes = words.contains(UInt8(ascii: ":")) ? IPv6Text.bytes(words) : IPv4Text.bytes(words)
        else { return nil }
        self.bytes = bytes
    }

    /// `a.b.c.d`, or eight groups of hexadecimal digits.
    package var description: String {
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        return groups.map { String($0, radix: 16) }.joined(separator: ":")
    }

    /// Whether the address is one that anybody on the Internet may hold: none of IANA's special purposes, and for an
    /// IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) only if that one is public too.
    package var isPublic: Bool {
        if bytes.count == 4 { return !SpecialRanges.ipv4.contains { $0.holds(bytes) } }
        if let inner = carried { return inner.isPublic }
        return SpecialRanges.globalUnicast.holds(bytes) && !SpecialRanges.ipv6.contains { $0.holds(bytes) }
    }

    /// The IPv4 address within, where traffic to this IPv6 address ends up at it.
    private var carried: IPAddress? {
        let place = SpecialRanges.carriers.first { $0.range.holds(bytes) }?.offset
        return place.flatMap { IPAddress(bytes: bytes[$0..<$0 + 4]) }
    }
}

/// Addresses that begin with the same bits.
private struct AddressRange: Sendable {
    let start: [UInt8]
    let bits: Int

    init(_ start: [UInt8], _ bits: Int) { (self.start, self.bits) = (start, bits) }

    /// Whether an address of the same family lies within.
    func holds(_ bytes: [UInt8]) -> Bool {
        var left = bits
        for (one, other) in zip(start, bytes) where left > 0 {
            let mask = left >= 8 ? 0xFF : UInt8(truncatingIfNeeded: 0xFF00 >> left)
            if (one ^ other) & mask != 0 { return false }
            left -= 8
        }
        return true
    }
}

/// IANA's registries of special-purpose addresses (RFC 6890 and its successors), as of 2025, with multicast and what is
/// reserved. Where the registry excepts a few addresses of a range as global, the whole range is refused.
private enum SpecialRanges {
    static let ipv4: [AddressRange] = [
        AddressRange([0, 0, 0, 0], 8),  // "this network"
        AddressRange([10, 0, 0, 0], 8),  // private
        AddressRange([100, 64, 0, 0], 10),  // behind a carrier's NAT
        AddressRange([127, 0, 0, 0], 8),  // loopback
        AddressRange([169, 254, 0, 0], 16),  // link-local; the metadata services of clouds
        AddressRange([172, 16, 0, 0], 12),  // private
        AddressRange([192, 0, 0, 0], 24),  // protocol assignments
        AddressRange([192, 0, 2, 0], 24),  // documentation
        AddressRange([192, 88, 99, 0], 24),  // 6to4 relays, withdrawn
        AddressRange([192, 168, 0, 0], 16),  // private
        AddressRange([198, 18, 0, 0], 15),  // benchmarks
        AddressRange([198, 51, 100, 0], 24),  // documentation
        AddressRange([203, 0, 113, 0], 24),  // documentation
        AddressRange([224, 0, 0, 0], 4),  // multicast
        AddressRange([240, 0, 0, 0], 4),  // reserved, and broadcast
    ]

    /// What IANA gives out; everything outside is unspecified, loopback, unique local, link-local, multicast or unused.
    static let globalUnicast = AddressRange([0x20], 3)

    /// Within the global unicast addresses.
    static let ipv6: [AddressRange] = [
        AddressRange([0x20, 0x01, 0x00], 23),  // protocol assignments: Teredo, benchmarks, ORCHID
        AddressRange([0x20, 0x01, 0x0D, 0xB8], 32),  // documentation
        AddressRange([0x3F, 0xFF, 0x00], 20),  // documentation
    ]

    /// Ranges that carry an IPv4 address, and the byte where it begins.
    static let carriers: [(range: AddressRange, offset: Int)] = [
        (AddressRange([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], 96), 12),  // mapped
        (AddressRange([0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0], 96), 12),  // NAT64
        (AddressRange([0x20, 0x02], 16), 2),  // 6to4
    ]
}

/// The spellings of inet_aton(3): one to four numbers, decimal, octal or hexadecimal, the last filling what is left.
private enum IPv4Text {
    static func bytes(_ text: [UInt8]) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...4).contains(parts.count) else { return nil }
        var value: UInt64 = 0
        for (place, part) in parts.enumerated() {
            let isLast = place == parts.count - 1
            let room = isLast ? 8 * UInt64(5 - parts.count) : 8
            guard let number = number(part), number < 1 << room else { return nil }
            value = value << room | number
        }
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt64($0)) }
    }

    private static func number(_ part: ArraySlice<UInt8>) -> UInt64? {
        let text = String(decoding: part, as: UTF8.self).lowercased()
        guard let first = text.utf8.first, first >= UInt8(ascii: "0"), first <= UInt8(ascii: "9") else { return nil }
        if text == "0x" { return 0 }
        if text.hasPrefix("0x") { return digits(text.dropFirst(2), 16) }
        return digits(text[...], text.hasPrefix("0") && text.count > 1 ? 8 : 10)
    }

    /// `UInt64.init` takes a sign, which an address has not.
    private static func digits(_ text: Substring, _ radix: Int) -> UInt64? {
        text.first == "+" || text.first == "-" ? nil : UInt64(text, radix: radix)
    }
}

/// The spellings of RFC 4291: groups, one `::`, an IPv4 address at the end.
private enum IPv6Text {
    static func bytes(_ text: [UInt8]) -> [UInt8]? {
        let whole = String(decoding: text, as: UTF8.self)
        guard let gap = whole.firstRange(of: "::") else {
            return groups(whole[...]).flatMap { $0.count == 16 ? $0 : nil }
        }
        guard let front = groups(whole[..<gap.lowerBound], isEnd: false), let back = groups(whole[gap.upperBound...])
        else {
            return nil
        }
        let missing = 16 - front.count - back.count
        return missing >= 2 ? front + [UInt8](repeating: 0, count: missing) + back : nil
    }

    /// Some groups, of two bytes each; a dotted quad of four at the address's end.
    private static func groups(_ text: Substring, isEnd: Bool = true) -> [UInt8]? {
        if text.isEmpty { return [] }
        var bytes: [UInt8] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (place, part) in parts.enumerated() {
            if isEnd, place == parts.count - 1, part.contains(".") {
                guard let quad = dotted(part) else { return nil }
                bytes += quad
            } else {
                guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit),
                    let value = UInt16(part, radix: 16)
                else { return nil }
                bytes += [UInt8(value >> 8), UInt8(value & 0xFF)]
            }
        }
        return bytes
    }

    private static func dotted(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return parts.count == 4 && !parts.contains(nil) ? parts.compactMap { $0 } : nil
    }
}
