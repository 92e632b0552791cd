// Amounts of money as people read them. They are counted in millionths of a US dollar and shown without loss: two
// decimals as prices have, and as many more as there are.

/// `0.08` for 80,000 millionths of a US dollar, `12.00`, `0.0375`.
package func dollars(_ micros: Int64) -> String {
    let (whole, part) = (micros.magnitude / 1_000_000, micros.magnitude % 1_000_000)
    // Six digits with their leading zeros, then without those at the end beyond the second.
    var digits = String(part + 1_000_000).dropFirst()
    while digits.utf8.count > 2, digits.last == "0" { digits.removeLast() }
    return "\(micros < 0 ? "-" : "")\(whole).\(digits)"
}
