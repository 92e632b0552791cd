// Which garments share a picture where a model takes fewer pictures than an outfit has garments.

/// Garments spread over as many pictures as a model takes, as evenly as possible, in their order: 4 over 3 is 2+1+1,
/// 5 is 2+2+1, 8 is 3+3+2.
package struct SheetPlan: Hashable, Sendable {
    /// How many garments are on each picture; none is empty.
    package let sizes: [Int]

    /// - Parameters:
    ///   - garments: how many there are.
    ///   - pictures: the most pictures, at least one.
    package init(garments: Int, pictures: Int) {
        precondition(garments >= 0 && pictures > 0, "\(garments) garments have no place on \(pictures) pictures")
        let used = min(garments, pictures)
        sizes = (0..<used).map { garments / used + ($0 < garments % used ? 1 : 0) }
    }

    /// These garments, one array a picture. As many as were planned for.
    package func groups<Garment>(of garments: [Garment]) -> [[Garment]] {
        precondition(garments.count == sizes.reduce(0, +), "\(garments.count) garments came to the plan \(sizes)")
        var rest = garments[...]
        return sizes.map { size in
            defer { rest = rest.dropFirst(size) }
            return Array(rest.prefix(size))
        }
    }
}
