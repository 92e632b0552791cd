// Where each garment goes on a flat lay: a value computed from categories, names and aspects, no picture is touched.
//
// Promise: every piece lies inside the margins, none touches another, aspects are kept, the body's order is kept from
// head to feet, and the same garments always give the same sheet. Pieces have natural sizes (a shirt is larger than a
// bow tie). Two kinds of composition are tried, rows across the sheet and two or three columns side by side; the one
// that fills the sheet better, leans to neither side and keeps the order wins. Nothing here can fail: any number of
// pieces and any aspect gets a place.

/// A composed flat lay: one rectangle a garment.
package struct FlatLayLayout: Hashable, Sendable {
    /// A garment as the layout sees it.
    package struct Garment: Hashable, Sendable {
        /// Its name, which tells hats from belts among `accessories`.
        package let name: String
        /// The wardrobe's category, such as `tops`; unknown ones count as accessories.
        package let category: String
        /// Width over height of what is to be shown.
        package let aspect: Double

        /// Describes a garment.
        package init(name: String, category: String, aspect: Double) {
            (self.name, self.category, self.aspect) = (name, category, aspect)
        }
    }

    /// In the order of the garments.
    package let placements: [PixelBox]

    /// Composes a sheet.
    /// - Parameters:
    ///   - garments: any number.
    ///   - width, height: of the sheet, in pixels.
    package init(_ garments: [Garment], width: Int = 1080, height: Int = 1440) {
        let pieces = garments.enumerated().map { Piece($0.offset, $0.element) }
            .sorted { ($0.kind, $0.index) < ($1.kind, $1.index) }
        let sheet = Sheet(width: Double(width), height: Double(height), pieces: pieces.count)
        let spots = pieces.isEmpty ? [] : FlatLayLayout.best(pieces, on: sheet)
        var placements = [PixelBox?](repeating: nil, count: garments.count)
        for spot in spots { placements[spot.piece.index] = spot.rounded }
        self.placements = placements.compactMap { $0 }
    }

    private static func best(_ pieces: [Piece], on sheet: Sheet) -> [Spot] {
        var candidates = [false, true].map { RowComposition(pieces, stacking: $0, on: sheet).spots }
        candidates += ColumnComposition.all(pieces, on: sheet)
        var best = candidates[0]
        for candidate in candidates.dropFirst() where sheet.score(candidate) > sheet.score(best) { best = candidate }
        return best
    }
}

/// What a garment is, from head to feet. The raw value is the place in that order.
enum GarmentKind: Int, Comparable, CaseIterable {
    case hat, glasses, earrings, scarf, necklace, tie
    case outerwear, top, dress
    case bag, belt, watch, gloves, accessory
    case bottoms, socks, shoes

    static func < (a: GarmentKind, b: GarmentKind) -> Bool { a.rawValue < b.rawValue }

    /// Height on the body; nil for what may lie anywhere beside it.
    var zone: Int? {
        switch self {
        case .hat, .glasses, .earrings, .scarf, .necklace, .tie: 0
        case .outerwear, .top, .dress: 1
        case .bag, .belt, .watch, .gloves, .accessory: nil
        case .bottoms: 2
        case .socks, .shoes: 3
        }
    }

    /// The side of a square of its usual area, and the most that it is wide and high; a shirt's side is 1. Small things
    /// are larger than life, or nobody would see them.
    var size: (side: Double, width: Double, height: Double) {
        switch self {
        case .hat: (0.62, 0.78, 0.70)
        case .glasses: (0.38, 0.56, 0.40)
        case .earrings: (0.28, 0.36, 0.40)
        case .scarf: (0.55, 0.62, 0.90)
        case .necklace: (0.42, 0.50, 0.56)
        case .tie: (0.35, 0.52, 0.80)
        case .outerwear: (1.12, 1.20, 1.45)
        case .top: (1.00, 1.12, 1.25)
        case .dress: (1.22, 1.10, 1.70)
        case .bag: (0.62, 0.74, 0.74)
        case .belt: (0.46, 0.82, 0.56)
        case .watch: (0.34, 0.42, 0.48)
        case .gloves: (0.46, 0.54, 0.56)
        case .accessory: (0.44, 0.56, 0.56)
        case .bottoms: (0.95, 0.98, 1.45)
        case .socks: (0.42, 0.50, 0.60)
        case .shoes: (0.68, 0.86, 0.76)
        }
    }

    /// By category, and by name where the category says little.
    init(name: String, category: String) {
        let inCategory = GarmentKind.find(in: category)
        self = inCategory ?? GarmentKind.find(in: name) ?? .accessory
    }

    private static func find(in text: String) -> GarmentKind? {
        let words = text.lowercased().split { !$0.isLetter }.map { singular(String($0)) }
        // The last word names the thing: a `shirt dress` is a dress, a `hat box bag` a bag.
        for word in words.reversed() {
            if let kind = lexicon[word] { return kind }
        }
        return nil
    }

    private static func singular(_ word: String) -> String {
        if word.hasSuffix("sses") || word.hasSuffix("shes") || word.hasSuffix("tches") || word.hasSuffix("xes") {
            return String(word.dropLast(2))
        }
        if word.hasSuffix("rves") { return String(word.dropLast(3)) + "f" }
        return word.hasSuffix("s") && !word.hasSuffix("ss") ? String(word.dropLast()) : word
    }

    private static let lexicon: [String: GarmentKind] = {
        let words: [(GarmentKind, String)] = [
            (.hat, "hat headwear cap beanie fedora beret bonnet visor helmet headband turban bobble panama"),
            (.glasses, "glass eyeglass sunglass spectacle goggle eyewear"),
            (.earrings, "earring stud hoop"),
            (.scarf, "scarf shawl bandana neckerchief pashmina stole snood"),
            (.necklace, "necklace chain pendant choker jewellery jewelry jewel pearl brooch"),
            (.tie, "tie bowtie necktie cravat ascot"),
            (.outerwear, "outerwear coat jacket blazer parka trench cardigan anorak cape poncho waistcoat vest gilet"),
            (.top, "top shirt tee blouse sweater jumper hoodie pullover polo tunic sweatshirt knitwear tank camisole"),
            (.dress, "dress gown jumpsuit overall romper suit dungaree kimono sari"),
            (.bag, "bag handbag purse backpack tote clutch rucksack satchel briefcase wallet suitcase umbrella"),
            (.belt, "belt sash suspender brace"),
            (.watch, "watch bracelet ring bangle cufflink"),
            (.gloves, "glove mitten"),
            (.bottoms, "bottom trouser pant jean short skirt legging chino culotte jogger slack kilt tight"),
            (.socks, "sock stocking hosiery"),
            (.shoes, "shoe footwear boot sneaker sandal loafer heel pump trainer slipper flat espadrille mule clog"),
        ]
        var lexicon: [String: GarmentKind] = [:]
        for (kind, list) in words { for word in list.split(separator: " ") { lexicon[String(word)] = kind } }
        return lexicon
    }()
}

/// A garment with its natural size.
struct Piece: Hashable {
    let index: Int
    let kind: GarmentKind
    let width: Double
    let height: Double

    init(_ index: Int, _ garment: FlatLayLayout.Garment) {
        let aspect = garment.aspect.isFinite && garment.aspect > 0 ? min(max(garment.aspect, 0.02), 50) : 1
        kind = GarmentKind(name: garment.name, category: garment.category)
        self.index = index
        let size = kind.size
        let (w, h) = (size.side * aspect.squareRoot(), size.side / aspect.squareRoot())
        let shrink = min(1, size.width / w, size.height / h)
        (width, height) = (w * shrink, h * shrink)
    }
}

/// A piece with its centre and size in pixels.
struct Spot: Hashable {
    let piece: Piece
    var x: Double
    var y: Double
    let scale: Double

    var width: Double { piece.width * scale }
    var height: Double { piece.height * scale }

    /// Down to whole pixels, so that neighbours cannot touch; a long piece keeps at least a pixel.
    var rounded: PixelBox {
        let (w, h) = (max(1, width.rounded(.down)), max(1, height.rounded(.down)))
        return PixelBox(
            left: Int((x - w / 2).rounded()), top: Int((y - h / 2).rounded()), width: Int(w), height: Int(h))
    }
}

/// The sheet, its margins, and what makes a composition good.
struct Sheet {
    let width: Double
    let height: Double
    let margin: Double
    let gap: Double

    init(width: Double, height: Double, pieces: Int) {
        (self.width, self.height) = (width, height)
        let side = min(width, height)
        margin = side * (pieces == 1 ? 0.13 : pieces == 2 ? 0.10 : 0.075)
        gap = side * (pieces <= 6 ? 0.040 : pieces <= 14 ? 0.030 : 0.020)
    }

    var innerWidth: Double { width - 2 * margin }
    var innerHeight: Double { height - 2 * margin }

    /// Spreads lengths along a line of the sheet: the gaps take what is left up to `most` times the usual one, the rest
    /// goes to both ends.
    func spread(_ lengths: [Double], over available: Double, from start: Double, most: Double) -> [Double] {
        let used = lengths.reduce(0, +)
        let between = Double(lengths.count - 1)
        let wide = between > 0 ? min((available - used) / between, gap * most) : 0
        var at = start + (available - used - wide * between) / 2
        return lengths.map { length in
            defer { at += length + wide }
            return at + length / 2
        }
    }

    /// How good a composition is: the share of the sheet that the pieces take, less what makes it lean.
    func score(_ spots: [Spot]) -> Double {
        let area = spots.reduce(0) { $0 + $1.width * $1.height }
        let leanX = spots.reduce(0) { $0 + $1.width * $1.height * ($1.x / width - 0.5) } / area
        let leanY = spots.reduce(0) { $0 + $1.width * $1.height * ($1.y / height - 0.5) } / area
        let left = spots.map { $0.x - $0.width / 2 }.min() ?? 0
        let right = spots.map { $0.x + $0.width / 2 }.max() ?? 0
        let empty = 1 - min(1, (right - left) / innerWidth)
        return area / (width * height) - 0.8 * abs(leanX) - 0.4 * abs(leanY) - 0.15 * empty
    }

    /// Whether what belongs higher on the body lies higher.
    func keepsOrder(_ spots: [Spot]) -> Bool {
        for a in spots {
            guard let zone = a.piece.kind.zone else { continue }
            for b in spots where (b.piece.kind.zone ?? zone) > zone && b.y < a.y + 1 { return false }
        }
        return true
    }
}

/// Rows across the sheet: the pieces in body order, cut into rows such that all can be as large as possible. With
/// `stacking`, small things beside a larger one lie above each other.
struct RowComposition {
    /// A row: stacks beside each other; the pieces of a stack lie above each other.
    private typealias Row = [[Piece]]

    let spots: [Spot]

    init(_ pieces: [Piece], stacking: Bool, on sheet: Sheet) {
        let work = Work(sheet: sheet, stacking: stacking)
        var (low, high) = (0.0, 4 * max(sheet.width, sheet.height))
        for _ in 0..<26 {
            let middle = (low + high) / 2
            if work.rows(pieces, scale: middle) == nil { high = middle } else { low = middle }
        }
        spots = work.place(work.rows(pieces, scale: low) ?? [], scale: low)
    }

    private struct Work {
        let sheet: Sheet
        let stacking: Bool

        /// The lowest pile of rows at this scale; nil when even that does not fit.
        func rows(_ pieces: [Piece], scale: Double) -> [Row]? {
            var lowest: [(height: Double, from: Int, row: Row)] = [(0, 0, [])]
            for end in 1...pieces.count {
                var best = (height: Double.infinity, from: 0, row: Row())
                for start in stride(from: end - 1, through: max(0, end - 9), by: -1) {
                    guard let row = lowestRow(pieces[start..<end], scale) else { continue }
                    let total = lowest[start].height + height(row, scale) + (start > 0 ? sheet.gap : 0)
                    if total < best.height { best = (total, start, row) }
                }
                lowest.append(best)
            }
            guard lowest[pieces.count].height <= sheet.innerHeight else { return nil }
            var (rows, end) = ([Row](), pieces.count)
            while end > 0 {
                rows.insert(lowest[end].row, at: 0)
                end = lowest[end].from
            }
            return rows
        }

        /// The lowest way to lie in one row, nil when there is none. Stacks may rise above the tallest piece.
        private func lowestRow(_ pieces: ArraySlice<Piece>, _ scale: Double) -> Row? {
            if mixes(pieces) { return nil }
            for rise in stacking ? [1, 1.35, 1.7] : [1] {
                let row = row(pieces, scale: scale, rise: rise)
                if width(row, scale) <= sheet.innerWidth { return row }
            }
            return nil
        }

        /// Shoes beside a hat look lost: a row spans at most two neighbouring heights of the body.
        private func mixes(_ row: ArraySlice<Piece>) -> Bool {
            let zones = row.compactMap(\.kind.zone)
            guard let low = zones.min(), let high = zones.max() else { return false }
            return high - low > 1
        }

        /// Each piece beside the others, or below one that leaves room for it under the row's height. What has a place
        /// on the body goes below only where the whole row has the same.
        private func row(_ pieces: ArraySlice<Piece>, scale: Double, rise: Double) -> Row {
            var stacks: Row = []
            let tallest = (pieces.map(\.height).max() ?? 0) * scale * rise
            let even = Set(pieces.compactMap(\.kind.zone)).count <= 1
            for piece in pieces {
                let place = stacks.firstIndex { stack in
                    let used = stack.reduce(0) { $0 + $1.height * scale + sheet.gap }
                    return stacking && (even || piece.kind.zone == nil) && used + piece.height * scale <= tallest
                }
                if let place { stacks[place].append(piece) } else { stacks.append([piece]) }
            }
            return stacks
        }

        private func widths(_ row: Row, _ scale: Double) -> [Double] {
            row.map { stack in (stack.map(\.width).max() ?? 0) * scale }
        }

        private func width(_ row: Row, _ scale: Double) -> Double {
            widths(row, scale).reduce(sheet.gap * Double(row.count - 1), +)
        }

        private func height(_ row: Row, _ scale: Double) -> Double {
            row.map { stack in stack.reduce(-sheet.gap) { $0 + $1.height * scale + sheet.gap } }.max() ?? 0
        }

        func place(_ rows: [Row], scale: Double) -> [Spot] {
            let scales = grown(rows, scale)
            let heights = zip(rows, scales).map(height)
            let centres = sheet.spread(heights, over: sheet.innerHeight, from: sheet.margin, most: 2.5)
            var (spots, lean) = ([Spot](), 0.0)
            for (number, row) in rows.enumerated() {
                var row = largestInside(row)
                var placed = place(row, scales[number], centre: centres[number], height: heights[number])
                // A row that leans to the side to which the rows above lean is turned round.
                if leaning(placed) * lean > 0 {
                    row.reverse()
                    placed = place(row, scales[number], centre: centres[number], height: heights[number])
                }
                lean += leaning(placed)
                spots += placed
            }
            return spots
        }

        private func place(_ row: Row, _ scale: Double, centre: Double, height: Double) -> [Spot] {
            let xs = sheet.spread(widths(row, scale), over: sheet.innerWidth, from: sheet.margin, most: 2.5)
            return zip(row, xs).flatMap { stack, x in
                let heights = stack.map { $0.height * scale }
                let ys = sheet.spread(heights, over: height, from: centre - height / 2, most: 2.5)
                return zip(stack, ys).map { Spot(piece: $0, x: x, y: $1, scale: scale) }
            }
        }

        private func leaning(_ spots: [Spot]) -> Double {
            spots.reduce(0) { $0 + $1.width * $1.height * ($1.x - sheet.width / 2) }
        }

        /// A row with room at its sides grows by up to a quarter, as long as all rows fit.
        private func grown(_ rows: [Row], _ scale: Double) -> [Double] {
            func scales(_ growth: Double) -> [Double] {
                rows.map { row in
                    let gaps = sheet.gap * Double(row.count - 1)
                    let widest = (sheet.innerWidth - gaps) / widths(row, 1).reduce(0, +)
                    return max(scale, min(scale * growth, widest))
                }
            }
            for growth in stride(from: 1.25, to: 1, by: -0.01) {
                let heights = zip(rows, scales(growth)).map(height)
                if heights.reduce(sheet.gap * Double(rows.count - 1), +) <= sheet.innerHeight { return scales(growth) }
            }
            return rows.map { _ in scale }
        }

        /// The largest stack of a row in its middle, the others around it.
        private func largestInside(_ row: Row) -> Row {
            func area(_ stack: [Piece]) -> Double { stack.reduce(0) { $0 + $1.width * $1.height } }
            let order = row.indices.sorted { (area(row[$0]), $1) > (area(row[$1]), $0) }
            var shown: Row = []
            for (number, index) in order.enumerated() {
                if number % 2 == 0 { shown.append(row[index]) } else { shown.insert(row[index], at: 0) }
            }
            return shown
        }
    }
}

/// Two or three columns side by side, each in body order. All ways to deal out the pieces are tried, so only for a few.
enum ColumnComposition {
    static func all(_ pieces: [Piece], on sheet: Sheet) -> [[Spot]] {
        var found: [[Spot]] = []
        for columns in 2...3 where pieces.count >= columns && pieces.count <= (columns == 2 ? 9 : 7) {
            var best: (score: Double, spots: [Spot])?
            for deal in 0..<power(columns, pieces.count) {
                guard let spots = compose(dealt(pieces, deal, columns), on: sheet) else { continue }
                let score = sheet.score(spots)
                if score > best?.score ?? -.infinity { best = (score, spots) }
            }
            if let best { found.append(best.spots) }
        }
        return found
    }

    private static func power(_ base: Int, _ exponent: Int) -> Int { (0..<exponent).reduce(1) { all, _ in all * base } }

    private static func dealt(_ pieces: [Piece], _ deal: Int, _ columns: Int) -> [[Piece]] {
        var dealt = [[Piece]](repeating: [], count: columns)
        var rest = deal
        for piece in pieces {
            dealt[rest % columns].append(piece)
            rest /= columns
        }
        return dealt
    }

    private static func compose(_ columns: [[Piece]], on sheet: Sheet) -> [Spot]? {
        guard columns.allSatisfy({ !$0.isEmpty }) else { return nil }
        let widths = columns.map { $0.map(\.width).max() ?? 0 }
        var scale = (sheet.innerWidth - sheet.gap * Double(columns.count - 1)) / widths.reduce(0, +)
        for column in columns {
            let room = sheet.innerHeight - sheet.gap * Double(column.count - 1)
            scale = min(scale, room / column.reduce(0) { $0 + $1.height })
        }
        guard scale > 0 else { return nil }
        let xs = sheet.spread(widths.map { $0 * scale }, over: sheet.innerWidth, from: sheet.margin, most: 2.5)
        var spots: [Spot] = []
        for (column, x) in zip(columns, xs) {
            let heights = column.map { $0.height * scale }
            let ys = sheet.spread(heights, over: sheet.innerHeight, from: sheet.margin, most: 3.5)
            spots += zip(column, ys).map { Spot(piece: $0, x: x, y: $1, scale: scale) }
        }
        return sheet.keepsOrder(spots) ? spots : nil
    }
}
